"""Replies that never arrive: the peer has acted, the connection is gone. Patched into the child process only."""

from __future__ import annotations

import http.client
import smtplib
from typing import Any

import dns.exception
import dns.query

from tests.chaos.points import DOOR


def install() -> None:
    """Let HTTP, SMTP and DNS lose what DOOR says is being lost."""
    _http()
    _smtp()
    _dns()


def _http() -> None:
    getresponse, endheaders = http.client.HTTPConnection.getresponse, http.client.HTTPConnection.endheaders

    def refused(self: Any, *args: Any, **kwargs: Any) -> Any:
        if DOOR.losing == "request":
            self.close()
            raise ConnectionRefusedError("chaos: nothing listens there")
        return endheaders(self, *args, **kwargs)

    def lost(self: Any) -> Any:
        response = getresponse(self)
        if DOOR.losing == "reply":
            response.read()
            self.close()
            raise http.client.RemoteDisconnected("chaos: the connection broke before the answer")
        return response

    http.client.HTTPConnection.endheaders = refused  # type: ignore[method-assign]
    http.client.HTTPConnection.getresponse = lost  # type: ignore[method-assign]


def _smtp() -> None:
    data, connect = smtplib.SMTP.data, smtplib.SMTP.connect

    def lost(self: smtplib.SMTP, *args: Any, **kwargs: Any) -> Any:
        answer = data(self, *args, **kwargs)
        if DOOR.losing == "reply":
            self.close()
            raise smtplib.SMTPServerDisconnected("chaos: the connection broke before the answer")
        return answer

    def refused(self: smtplib.SMTP, *args: Any, **kwargs: Any) -> Any:
        if DOOR.losing == "request":
            raise ConnectionRefusedError("chaos: nothing listens there")
        return connect(self, *args, **kwargs)

    smtplib.SMTP.data = lost  # type: ignore[method-assign]
    smtplib.SMTP.connect = refused  # type: ignore[method-assign]


def _dns() -> None:
    for name in ("udp", "tcp"):
        original = getattr(dns.query, name)

        def silent(*args: Any, _original: Any = original, **kwargs: Any) -> Any:
            if DOOR.losing:
                raise dns.exception.Timeout("chaos: no answer")
            return _original(*args, **kwargs)

        setattr(dns.query, name, silent)
