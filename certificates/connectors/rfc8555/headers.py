"""The three header fields an ACME client must read itself: Retry-After, Link, and URLs the CA sends."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from urllib.parse import urljoin, urlsplit

from requests.utils import parse_header_links

from certificates.connectors.problems import LOCAL_PREFIX, Problem, ProtocolViolation, clean

# A wait longer than this is a mistake; asking once a month does no harm.
LONGEST_WAIT = timedelta(days=31)
RATE_LIMIT_WAIT = timedelta(hours=1)
UNAVAILABLE_WAIT = timedelta(seconds=60)

_WHOLE = ("https://", "http://")
_URL = re.compile(r"https?://[\x21-\x7e]{1,2000}")


def parse_retry_after(value: str | None, *, now: datetime) -> datetime | None:
    """A Retry-After field (RFC 9110 §10.2.3: seconds or an HTTP date) as aware UTC; None if absent or unreadable.

    Never before `now`, never later than 31 days.
    """
    if value is None:
        return None
    text = value.strip()
    if re.fullmatch(r"[0-9]+", text, re.ASCII):
        wanted = now + timedelta(seconds=min(int(text[:12]), LONGEST_WAIT.total_seconds()))
    else:
        try:
            parsed = parsedate_to_datetime(text)
        except ValueError:
            return None
        wanted = parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    return min(max(wanted, now), now + LONGEST_WAIT)


def retry_at_of_refusal(
    value: str | None, *, status: int, rate_limited: bool, now: datetime
) -> datetime | None:
    """When to come back after an error answer: what the CA says, else an hour (rate limit) or a minute (503)."""
    said = parse_retry_after(value, now=now)
    if said is not None and said > now:
        return said
    if status == 429 or rate_limited:
        return now + RATE_LIMIT_WAIT
    if status == 503:
        return now + UNAVAILABLE_WAIT
    return said


def web_url(value: object, *, base: str = "") -> str | None:
    """`value`, resolved against `base`, if it is an http or https URL a page may link to; else None."""
    if not isinstance(value, str) or not value:
        return None
    # What is whole by itself is looked at once, wherever it is met.
    return _web_url(value, "" if value.startswith(_WHOLE) else base)


@lru_cache(maxsize=1024)
def _web_url(value: str, base: str) -> str | None:
    """Each URL of an order is looked at several times."""
    try:
        url = urljoin(base, value)
        parts = urlsplit(url)
        usable = bool(_URL.fullmatch(url) and parts.hostname and parts.port != 0)
    except ValueError:
        return None
    return url if usable and "@" not in parts.netloc else None


def https_url(value: object, *, base: str = "") -> str | None:
    """Like `web_url`, but https only: the one kind of URL that is ever asked for."""
    url = web_url(value, base=base)
    return url if url is not None and url.startswith("https://") else None


def require_https(value: object, what: str, *, base: str = "") -> str:
    """`https_url`, raising `ProtocolViolation` for anything else. `what` names the URL for the operator."""
    url = https_url(value, base=base)
    if url is None:
        shown = clean(value, 200) or "nothing"
        raise ProtocolViolation(
            Problem(LOCAL_PREFIX + "unusableUrl", f"The {what} must be an https URL; the CA sent: {shown}")
        )
    return url


def links(value: str | None, rel: str, *, base: str) -> tuple[str, ...]:
    """The https URLs of a Link field (RFC 8288) with this relation; others are left out."""
    if not value:
        return ()
    found = (
        https_url(link.get("url"), base=base)
        for link in parse_header_links(value)
        if rel in link.get("rel", "").lower().split()
    )
    return tuple(dict.fromkeys(url for url in found if url is not None))
