"""As the portal's own pages write them: 24 November 2026, 13:05 UTC."""

from __future__ import annotations

DATETIME_FORMAT = r"j F Y, H:i \U\T\C"
SHORT_DATETIME_FORMAT = r"j M Y, H:i \U\T\C"
