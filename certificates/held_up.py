"""What holds an order up at a CA, in the customer's words: a limit, a CA that is down, a move to another CA."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _

LIMIT = "chancery:limit"
RESTING = "chancery:ca_resting"
MOVED = "chancery:moved"
UNSEEN = "chancery:unseen_record"
# An order whose time was over: somebody had attended to it; nobody had to; nobody had.
EXPIRED = "chancery:order_expired"
EXPIRED_UNSEEN = "chancery:order_expired_unseen"
UNATTENDED = "chancery:order_unattended"


def clock_time(moment: datetime, now: datetime) -> str:
    """Return the moment to the minute in UTC, never too early; with its day unless it is today."""
    utc = moment.astimezone(UTC)
    whole = utc.replace(second=0, microsecond=0)
    if whole < utc:
        whole += timedelta(minutes=1)
    today = whole.date() == now.astimezone(UTC).date()
    return f"{date_format(whole, 'H:i' if today else 'j F, H:i')} UTC"


def next_slot_text(kind: str, slot: datetime, now: datetime) -> str:
    """Return which limit of the CA is reached (LimitKind), and when there is room again."""
    return f"{_of_limit(kind)} {next_slot(slot, now)}"


def _of_limit(kind: str) -> str:
    if kind == "domain":
        return _("The certificate authority makes only so many certificates for one domain in a week.")
    if kind == "set":
        return _("The certificate authority makes the same certificate only so often in a week.")
    if kind == "failures":
        return _("The certificate authority has looked for one of these names in vain too often.")
    return _("The certificate authority takes only so many orders in a time, and yours is in the queue.")


def next_slot(slot: datetime, now: datetime) -> str:
    """Return when there is room again."""
    return _("Next slot %(time)s.") % {"time": clock_time(slot, now)}


def resting_text(until: datetime, now: datetime) -> str:
    """Return that the CA is down, and when it is asked again."""
    text = _(
        "The certificate authority has trouble at the moment. We ask again at %(time)s and go on by ourselves."
    )
    return text % {"time": clock_time(until, now)}


def moved_text(*, published: bool) -> str:
    """Return that another CA is asked; `published`: the customer had been told what to publish for the first one."""
    if not published:
        return _("Another certificate authority of ours takes your request over.")
    return _(
        "The first certificate authority is held up, so another one of ours has taken your request over. It wants"
        " values of its own: please publish the new record or file for each name. Nothing is charged again."
    )


def unseen_text(names: list[str]) -> str:
    """Return that a CA calls names valid of which we have not seen the customer's standing record."""
    text = _(
        "The certificate authority takes %(names)s as shown already, but we do not see the standing record that names"
        " your account there. Set it up as shown under “Validate once”, or remove what stands at %(host)s."
    )
    return text % {"names": ", ".join(names), "host": f"_validation-persist.{names[0]}" if names else ""}


def unattended_text() -> str:
    return _("What was to be published has expired. When you go on, you get new values.")


def expired_unseen_text() -> str:
    """Return that what was set up once was not to be seen while an order ran."""
    return _(
        "What you set up under “Validate once” was not to be seen in time. We try again by ourselves; please see"
        " that it is in place."
    )


def slug_of(problem: dict[str, Any] | None) -> str:
    return str((problem or {}).get("type", ""))


def sentence_of(problem: dict[str, Any] | None, due_at: datetime | None, now: datetime) -> str | None:
    """Return what the customer reads while an order waits for its CA, None when neither limit nor rest holds it up."""
    slug = slug_of(problem)
    if problem is None or due_at is None:
        return None
    if slug == LIMIT:
        return next_slot_text(str(problem.get("limit", "")), due_at, now)
    return resting_text(due_at, now) if slug == RESTING else None
