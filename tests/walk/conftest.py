"""Whole installations for the walk: the embedded default, and PostgreSQL with Redis as in production."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from runner.installation import Installation
from tests.servers import running_postgres, running_redis


def installation(folder: Path, kind: str, stack: ExitStack) -> Installation:
    """Start an installation of this kind; it ends with the stack."""
    extra = {"EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend", "PLAIN_STATIC": "0"}
    if kind == "postgres-redis":
        extra["DATABASE_URL"] = stack.enter_context(running_postgres(folder / "postgres"))
        extra["REDIS_URL"] = stack.enter_context(running_redis(folder / "redis"))
    return stack.enter_context(Installation(folder / "var", free_ports=True, extra_env=extra))


@pytest.fixture(scope="module", params=["embedded", "postgres-redis"])
def town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp(request.param)
    with ExitStack() as stack:
        yield installation(folder, request.param, stack)
