"""Short enough for a column, and broken in no other place than between day and hour: 24 Nov 2026, 13:05 UTC."""

from __future__ import annotations

DATETIME_FORMAT = "j\xa0M\xa0Y, H:i\xa0\\U\\T\\C"
SHORT_DATETIME_FORMAT = r"j M Y, H:i \U\T\C"
