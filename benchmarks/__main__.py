"""`make bench`: every benchmark in turn; exits 1 when a limit was missed."""

from __future__ import annotations

import sys

from benchmarks import pages, walk

sys.exit(max([walk.main(), pages.main()]))
