"""`python -m portal.healthcheck`: asks the web process beside it, under the portal's own name; exits 0 when it lives."""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request
from urllib.parse import urlsplit


def main() -> int:
    host = urlsplit(os.environ.get("PORTAL_URL", "http://127.0.0.1:8000")).hostname or "127.0.0.1"
    address = os.environ.get("HEALTH_ADDRESS", "http://127.0.0.1:8000")
    request = urllib.request.Request(f"{address}/health/live", headers={"Host": host})  # noqa: S310 - http on loopback
    try:
        with urllib.request.urlopen(request, timeout=4) as answer:  # noqa: S310 - as above
            return 0 if answer.status == 200 else 1
    except (urllib.error.URLError, OSError):
        return 1


if __name__ == "__main__":
    sys.exit(main())
