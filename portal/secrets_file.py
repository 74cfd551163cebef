"""Secrets that a sandbox makes once and keeps in its var directory, so that nothing has to be configured."""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def kept_secret(var_dir: Path, name: str, *, allowed: bool, kind: str = "text") -> str:
    """Return the secret kept under `name`, made on first use.

    Raises ImproperlyConfigured where secrets must be given by the operator (`allowed` is False).
    """
    if not allowed:
        raise ImproperlyConfigured(f"{name.upper()} must be set in production")
    path = var_dir / name
    if not path.exists():
        _write_once(path, _new(kind))
    return path.read_text(encoding="utf-8").strip()


def _new(kind: str) -> str:
    if kind == "key_ring":
        return "k1:" + base64.b64encode(secrets.token_bytes(32)).decode()
    return secrets.token_urlsafe(48)


def _write_once(path: Path, text: str) -> None:
    # Two processes may start together: each writes its own file, the first link wins, both read the winner.
    draft = path.with_suffix(f".{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
