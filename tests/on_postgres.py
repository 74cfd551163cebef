"""`python -m tests.on_postgres <pytest words>`: runs pytest with a real PostgreSQL and Redis behind the settings.

Of what is named, only tests that use the database run, and all of what people look at: what the others find cannot
depend on which one it is.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.servers import running_postgres, running_redis

# Both are read by tests/conftest.py.
ONLY_DATABASE = "TESTS_WITH_DATABASE_ONLY"
WITHOUT_PAGES = "TESTS_WITHOUT_PAGES"
# What people look at is tried on PostgreSQL, the stricter one; on SQLite the browser looks at it (bin/test).
PAGES = ("certificates/activation", "certificates/admin", "certificates/views", "orders/views")


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="chancery-pg-", dir="/tmp") as name:
        folder = Path(name)
        with (
            running_postgres(folder / "postgres", counts_rows=False) as database,
            running_redis(folder / "redis") as redis,
        ):
            env = {**os.environ, "DATABASE_URL": database, "REDIS_URL": redis, ONLY_DATABASE: "1"}
            return subprocess.run(
                [sys.executable, "-m", "pytest", *sys.argv[1:]], env=env, check=False
            ).returncode


if __name__ == "__main__":
    sys.exit(main())
