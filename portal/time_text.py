"""Time as people read it: "in 12 days", with the exact UTC moment behind it."""

from __future__ import annotations

import datetime as dt

from django.utils.dates import MONTHS, MONTHS_3
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

MINUTE, HOUR, DAY = 60, 3600, 86400
# Below two years people plan a certificate in days; above it, days say nothing.
YEARS_FROM = 730 * DAY


def _spell(seconds: int) -> str:
    if seconds < MINUTE:
        return ngettext("%d second", "%d seconds", seconds) % seconds
    if seconds < 90 * MINUTE:
        minutes = round(seconds / MINUTE)
        return ngettext("%d minute", "%d minutes", minutes) % minutes
    if seconds < 36 * HOUR:
        hours = round(seconds / HOUR)
        return ngettext("%d hour", "%d hours", hours) % hours
    if seconds < YEARS_FROM:
        # Rounded down: "in 12 days" must never promise time that is not there.
        days = seconds // DAY
        return ngettext("%d day", "%d days", days) % days
    years = seconds // (365 * DAY)
    return ngettext("%d year", "%d years", years) % years


def distance(moment: dt.datetime, now: dt.datetime) -> str:
    """Return "in 12 days", "3 minutes ago" or "just now". Both are aware. Raises ValueError on a naive one."""
    if moment.tzinfo is None or now.tzinfo is None:
        raise ValueError("a time without its zone cannot be told to people")
    seconds = int((moment - now).total_seconds())
    if -10 < seconds <= 0:
        return _("just now")
    if seconds > 0:
        return _("in %(time)s") % {"time": _spell(seconds)}
    return _("%(time)s ago") % {"time": _spell(-seconds)}


def exact(moment: dt.datetime, *, seconds: bool = False) -> str:
    """Return "24 November 2026, 13:05 UTC" (with seconds if asked), words after the active language."""
    in_utc = moment.astimezone(dt.UTC)
    date = f"{in_utc.day} {MONTHS[in_utc.month]} {in_utc.year}"
    time = in_utc.strftime("%H:%M:%S" if seconds else "%H:%M")
    return _("%(date)s, %(time)s UTC") % {"date": date, "time": time}


def day(moment: dt.datetime) -> str:
    """Return "24 Nov 2026", the day in UTC, after the active language."""
    in_utc = moment.astimezone(dt.UTC)
    return f"{in_utc.day} {str(MONTHS_3[in_utc.month]).title()} {in_utc.year}"
