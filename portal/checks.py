"""Start-up checks: a production installation with an unsafe setting does not start."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured

from portal.theme import stylesheet

SANDBOX_SECRETS = {"sk_test_sandbox", "whsec_sandbox"}
SANDBOX_ZONE_KEY = "c2FuZGJveC1kZWxlZ2F0aW9uLXpvbmUta2V5"


def unsafe_settings() -> list[str]:
    """Return one sentence for every setting that would endanger money, keys or sessions in production."""
    if settings.SANDBOX:
        return []
    problems = [sentence for wrong, sentence in _rules() if wrong]
    if settings.REDIS_URL and "@" not in settings.REDIS_URL and not _is_local(settings.REDIS_URL):
        problems.append("REDIS_URL must carry a password unless Redis listens on this machine only.")
    return problems


def _rules() -> list[tuple[bool, str]]:
    return [
        (settings.DEBUG, "DEBUG must be off."),
        (not settings.PORTAL_URL.startswith("https://"), "PORTAL_URL must begin with https://."),
        (
            not settings.ALLOWED_HOSTS or "*" in settings.ALLOWED_HOSTS,
            "ALLOWED_HOSTS must name the portal's hosts.",
        ),
        (len(settings.SECRET_KEY) < 50, "SECRET_KEY must have at least 50 characters."),
        (settings.STRIPE_SECRET_KEY in SANDBOX_SECRETS | {""}, "STRIPE_SECRET_KEY must be your own."),
        (
            not settings.STRIPE_WEBHOOK_SECRETS
            or bool(SANDBOX_SECRETS & set(settings.STRIPE_WEBHOOK_SECRETS)),
            "STRIPE_WEBHOOK_SECRET must be your own.",
        ),
        (bool(settings.VALIDATION_ALLOWED_NETWORKS), "VALIDATION_ALLOWED_NETWORKS must be empty."),
        (settings.VALIDATION_RESERVED_NAMES, "VALIDATION_RESERVED_NAMES must be off."),
        (settings.VALIDATION_HTTP_PORT != 80, "VALIDATION_HTTP_PORT must be 80."),
        (not settings.STAFF_SECOND_FACTOR_REQUIRED, "STAFF_SECOND_FACTOR_REQUIRED must be on."),
        (
            not settings.DATABASE_URL.startswith(("postgres://", "postgresql://")),
            "DATABASE_URL must name a PostgreSQL database.",
        ),
        (
            bool(settings.DELEGATION_ZONE)
            and not (
                settings.DELEGATION_SERVER
                and settings.DELEGATION_TSIG_NAME
                and settings.DELEGATION_TSIG_SECRET
            ),
            "DELEGATION_ZONE needs DELEGATION_SERVER, DELEGATION_TSIG_NAME and DELEGATION_TSIG_SECRET.",
        ),
        (settings.DELEGATION_TSIG_SECRET == SANDBOX_ZONE_KEY, "DELEGATION_TSIG_SECRET must be your own."),
        (not settings.REDIS_URL, "REDIS_URL must be set: rate limits have to hold across all web processes."),
        (settings.CELERY_BROKER_URL.startswith("filesystem"), "CELERY_BROKER_URL must name a Redis server."),
    ]


def _is_local(url: str) -> bool:
    return any(f"//{host}" in url for host in ("127.0.0.1", "localhost", "[::1]")) or url.startswith("unix:")


def refuse_unsafe_start() -> None:
    """Raise ImproperlyConfigured with every reason at once. Called by each process that serves or works."""
    problems = unsafe_settings()
    if problems:
        raise ImproperlyConfigured("This production installation is not safe to start: " + " ".join(problems))


@register()
def check_accent(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """An accent that no page could be drawn with is refused at the start, not at the first page."""
    try:
        stylesheet(settings.PORTAL_ACCENT)
    except ImproperlyConfigured as exc:
        return [Error(str(exc), id="portal.E002")]
    return []


@register(Tags.security)
def check_settings(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    return [Error(sentence, id="portal.E001") for sentence in unsafe_settings()]
