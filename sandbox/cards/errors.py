"""What the card processor answers when it will not do something, in Stripe's shape."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """An error answer; `kept` says that a request with an idempotency key is to get it again.

    As with Stripe, a request refused for its parameters was never carried out, so its key stays free.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        type: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        kept: bool = False,
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kept = kept
        members = {"code": code, "message": message, "param": param, "type": type, **more}
        self.body = {"error": {key: value for key, value in members.items() if value is not None}}


def missing(kind: str, identity: str, param: str = "id") -> Refusal:
    """There is no object of that id."""
    return Refusal(f"No such {kind}: '{identity}'", status=404, code="resource_missing", param=param)


def required(param: str) -> Refusal:
    """A parameter that must be there is not."""
    return Refusal(f"Missing required param: {param}.", code="parameter_missing", param=param)


def invalid(message: str, param: str, code: str | None = None) -> Refusal:
    """A parameter has a value that cannot be."""
    return Refusal(message, code=code, param=param)
