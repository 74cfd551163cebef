"""What a line is about: the request or the row that is worked, by id and never by name or address."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db.models import Model
from django.http import HttpRequest
from structlog.contextvars import bind_contextvars, clear_contextvars, get_contextvars

_request: ContextVar[HttpRequest | None] = ContextVar("logged_request", default=None)

# Columns of a row that name what its work is about, as far as the row itself knows them.
_IDS = ("plan_id", "order_id", "issuance_id", "certificate_id", "payment_id", "account_id")


@contextmanager
def about_request(request: HttpRequest, request_id: str) -> Iterator[None]:
    """Every line written meanwhile in this thread carries the request's id, and its user's as soon as that is known."""
    token = _request.set(request)
    try:
        with _about(request_id=request_id):
            yield
    finally:
        _request.reset(token)


@contextmanager
def about_row(queue: str, row: Model) -> Iterator[None]:
    """Every line written meanwhile in this thread carries queue, row, epoch and the ids that the row holds."""
    ids = {name: str(value) for name in _IDS if (value := getattr(row, name, None)) is not None}
    kind = row._meta.model_name or ""
    if kind == "acmeorder":
        ids["acme_order_id"] = str(row.pk)
    with _about(queue=queue, row=str(row.pk), epoch=getattr(row, "epoch", None), **ids):
        yield


@contextmanager
def _about(**facts: Any) -> Iterator[None]:
    """Bind the facts, and forget afterwards what others have bound meanwhile too: the thread goes on with another row."""
    before = dict(get_contextvars())
    bind_contextvars(**facts)
    try:
        yield
    finally:
        clear_contextvars()
        bind_contextvars(**before)


def add_person(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Processor: the user's id, if something has asked for the user already. A line of the log asks the database nothing."""
    person = getattr(_request.get(), "_cached_user", None)
    if person is not None and person.is_authenticated:
        event.setdefault("user_id", str(person.pk))
    return event
