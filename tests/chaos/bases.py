"""The two databases the suite runs on: a SQLite file, or PostgreSQL with Redis, each with one database per town."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from runner.installation import ROOT
from tests.servers import running_postgres, running_redis

SQLITE, POSTGRES = "SQLite", "PostgreSQL and Redis"


class Base:
    """Makes fresh, migrated databases; `env` is what a process that works on them is started with."""

    def __init__(self, kind: str, folder: Path, env: dict[str, str], server: str = "") -> None:
        self.kind, self.folder, self.env, self.server = kind, folder, env, server

    def fresh(self, name: str) -> tuple[str, str]:
        """Return a new database as Django's NAME for it and as the name server is told to find it."""
        if self.kind == SQLITE:
            path = self.folder / f"{name}.sqlite3"
            for suffix in ("", "-wal", "-shm"):
                Path(f"{path}{suffix}").unlink(missing_ok=True)
            shutil.copyfile(self.folder / "var" / "portal.sqlite3", path)
            return str(path), str(path)
        with psycopg.connect(f"{self.server}/postgres", autocommit=True) as server:
            server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')  # type: ignore[arg-type]
            server.execute(f'CREATE DATABASE "{name}" TEMPLATE chancery')  # type: ignore[arg-type]
        return name, f"{self.server}/{name}"


@contextmanager
def running_base(kind: str, folder: Path) -> Iterator[Base]:
    """Start what the kind needs and bring its first database up to date."""
    folder.mkdir(parents=True, exist_ok=True)
    env = {
        **{name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}},
        "VAR_DIR": str(folder / "var"), "DJANGO_SETTINGS_MODULE": "portal.settings", "PLAIN_STATIC": "1",
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend", "PYTHONUNBUFFERED": "1", "LOG_LEVEL": "WARNING",
    }  # fmt: skip
    if kind == SQLITE:
        migrate(env)
        yield Base(kind, folder, env)
        return
    with running_postgres(folder / "postgres") as url, running_redis(folder / "redis") as redis:
        env |= {"DATABASE_URL": url, "REDIS_URL": redis}
        migrate(env)
        yield Base(kind, folder, env, url.rpartition("/")[0])


def migrate(env: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"], env=env, cwd=ROOT, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(done.stderr[-3000:])
