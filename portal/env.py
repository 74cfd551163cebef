"""Reads settings from the environment, loudly: a value that cannot be understood stops the start."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off", ""}
# A process that stands still in the middle of a transaction holds the locks of what it wrote, and whoever comes to
# one of these rows waits with it: the server ends such a transaction well before a lease (90 s) has lapsed.
NO_IDLE_TRANSACTIONS = "-c idle_in_transaction_session_timeout=30s"
# Nearly all that we ask for is a few rows by a key. The server's own figure is that of a disk that has to turn to each:
# with it, it rather reads a table of some hundred rows from end to end.
BY_KEY = "-c random_page_cost=1.1"

# The server plans a statement once for each connection, not every time: that was half of its work.
PREPARED: dict[str, object] = {"server_side_binding": True, "prepare_threshold": 2}


def env_str(name: str, default: str = "") -> str:
    """Return the variable, or the content of the file that NAME_FILE points to (container secrets)."""
    file = os.environ.get(f"{name}_FILE")
    if file:
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except OSError as exc:
            raise ImproperlyConfigured(f"{name}_FILE cannot be read: {exc.strerror}") from exc
    return os.environ.get(name, default)


def env_bool(name: str, default: bool = False) -> bool:
    value = env_str(name, "1" if default else "0").strip().lower()
    if value in TRUE:
        return True
    if value in FALSE:
        return False
    raise ImproperlyConfigured(f"{name} must be 1 or 0, not {value!r}")


def env_int(name: str, default: int) -> int:
    value = env_str(name, str(default))
    try:
        return int(value)
    except ValueError as exc:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}") from exc


def env_list(name: str, default: str = "") -> list[str]:
    """Return the comma-separated variable as a list without empty parts."""
    return [part.strip() for part in env_str(name, default).split(",") if part.strip()]


def env_choice(name: str, default: str, choices: tuple[str, ...]) -> str:
    value = env_str(name, default)
    if value not in choices:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}, not {value!r}")
    return value


def database(url: str) -> dict[str, object]:
    """Return Django's DATABASES entry for `sqlite:///path` or `postgres://user:password@host:port/name?sslmode=…`.

    `prepared=off` among the latter's options is for a pooler that hands each transaction another connection.
    """
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return _sqlite(unquote(parts.path))
    if parts.scheme in {"postgres", "postgresql"}:
        options = dict(parse_qsl(parts.query))
        prepared = options.pop("prepared", "on") not in FALSE
        return {
            "ENGINE": "portal.postgres",
            "NAME": unquote(parts.path.lstrip("/")),
            "USER": unquote(parts.username or ""),
            "PASSWORD": unquote(parts.password or ""),
            "HOST": unquote(parts.hostname or "") or options.pop("host", ""),
            "PORT": str(parts.port or ""),
            "CONN_MAX_AGE": 60,
            "CONN_HEALTH_CHECKS": True,
            # A server that does not answer must not hold a worker or a page for minutes.
            "OPTIONS": {"connect_timeout": "5", "options": f"{NO_IDLE_TRANSACTIONS} {BY_KEY}"}
            | (PREPARED if prepared else {})
            | {name: value for name, value in options.items() if name != "host"},
        }
    raise ImproperlyConfigured("DATABASE_URL must begin with sqlite:/// or postgres://")


def _sqlite(path: str) -> dict[str, object]:
    # IMMEDIATE takes the write lock at BEGIN, so that a read-then-write never fails half way with
    # "database is locked"; FULL keeps the last commit through a power cut: keys and payments need it.
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA cache_size=-16000;",
        },
        "TEST": {"OPTIONS": {}},
    }
