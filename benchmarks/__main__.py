"""`make bench`: every benchmark in turn."""

from __future__ import annotations

import sys

from benchmarks import pages

sys.exit(pages.main())
