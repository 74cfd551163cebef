"""Mails that did not leave: given up, or tried again by themselves."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Max
from django.utils.translation import gettext as _t

from accounts.models import Letter
from audit.admin_pages import page_of
from portal.staff.stuck.row import FETCHED, Stuck

# Given-up mails have no index of their own: among so many of the newest they are looked for.
NEWEST = 50_000


def given_up(now: datetime) -> Iterable[Stuck]:
    last = Letter.objects.aggregate(last=Max("pk"))["last"] or 0
    rows = Letter.objects.filter(pk__gt=last - NEWEST, sent_at__isnull=True, due_at__isnull=True, tries__gt=0)
    for letter in rows.defer("body").order_by("-pk")[:FETCHED]:
        yield _of(
            letter,
            _t("The mail server refused it too often, and we gave up."),
            _t("Nothing happens by itself: the address may be wrong."),
        )


def put_back(now: datetime) -> Iterable[Stuck]:
    rows = Letter.objects.filter(due_at__isnull=False, tries__gt=0)
    for letter in rows.defer("body").order_by("created_at")[:FETCHED]:
        yield _of(letter, _t("The mail server did not take it."), "")


def _of(letter: Letter, why: str, then: str) -> Stuck:
    what = f"{letter.subject} → {letter.to}"
    return Stuck(
        what, why, letter.created_at, page_of(letter), words=letter.problem, then=then, next_at=letter.due_at
    )
