"""What a line of the log looks like: JSON for machines, or plain for people; the same fields in both."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from typing import Any

import structlog
from structlog.stdlib import ProcessorFormatter

from portal.logs.redaction import redact
from portal.logs.whose import add_person

FORMATS = ("json", "plain")
# At DEBUG these print whole JWS payloads (contacts, EAB), request bodies and statements with their values.
NEVER_BELOW = {
    "acme": "INFO",
    "josepy": "INFO",
    "stripe": "WARNING",
    "urllib3": "WARNING",
    "requests": "WARNING",
    "django.request": "ERROR",
    "django.db.backends": "INFO",
    "django.template": "INFO",
    "django.server": "WARNING",
    # A doorbell rings every few seconds: that it rang is no news.
    "celery.beat": "WARNING",
    "celery.worker.strategy": "WARNING",
    "celery.app.trace": "WARNING",
    "kombu": "INFO",
    "amqp": "INFO",
    "asyncio": "INFO",
}


def format_of_environment() -> str:
    """Return LOG_FORMAT as the settings will read it, for a process that logs before it has settings."""
    production = os.environ.get("PORTAL_ENV") == "production"
    chosen = os.environ.get("LOG_FORMAT", "json" if production else "plain")
    return chosen if chosen in FORMATS else "json"


def formatter(style: str | None = None) -> ProcessorFormatter:
    """Return the one formatter of every handler. `style` is one of FORMATS; None: as the environment says."""
    return ProcessorFormatter(
        foreign_pre_chain=_facts(),
        processors=[
            ProcessorFormatter.remove_processors_meta,
            _without_request,
            # A traceback as text and without local variables: those hold keys.
            structlog.processors.format_exc_info,
            structlog.processors.StackInfoRenderer(),
            redact,
            *_rendering(style or format_of_environment()),
        ],
    )


def _without_request(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Django hands the whole request to its lines; as text that is the address with its query."""
    event.pop("request", None)
    return event


def _facts() -> list[Any]:
    return [
        structlog.contextvars.merge_contextvars,
        add_person,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _rendering(style: str) -> list[Any]:
    if style == "json":
        return [_for_machines, structlog.processors.JSONRenderer(ensure_ascii=False)]
    return [
        structlog.dev.ConsoleRenderer(colors=os.isatty(2), exception_formatter=structlog.dev.plain_traceback)
    ]


def _for_machines(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """When, how bad and what come first; control characters end nobody's line, JSON escapes them."""
    first = {
        "at": event.pop("timestamp", ""),
        "level": event.pop("level", ""),
        "logger": event.pop("logger", ""),
    }
    return {**first, "message": event.pop("event", ""), **event}


def logging_config(style: str, level: str) -> dict[str, Any]:
    """Return Django's LOGGING: every logger of the standard library, our own and others', writes such lines to stderr."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": "portal.logs.lines.formatter", "style": style}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            **{name: {"level": least} for name, least in NEVER_BELOW.items()},
            # Django gives these two handlers of their own, which know nothing of the guard.
            "django": {"handlers": [], "level": "INFO", "propagate": True},
            "django.server": {"handlers": [], "level": NEVER_BELOW["django.server"], "propagate": True},
        },
    }
