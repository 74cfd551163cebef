"""What a forked worker can be told to do; each returns what is written into its result file."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.contrib.sessions.backends.db import SessionStore
from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from accounts.models import Letter
from audit.models import Entry
from audit.vocabulary import Action
from certificates.models import Certificate, RenewalInfo
from orders.models import Plan
from outbound import watch
from portal import sweeping
from portal.tasks import daily
from tests.chaos.customers import echo, shop
from tests.chaos.points import DOOR, Point
from tests.chaos.story import Story, begin, facts, let_leases_lapse, work

PATIENCE = 40.0
HESITATION = 0.1


def begin_story(job: dict[str, Any]) -> dict[str, Any]:
    return {"order": begin(job["label"], job["names"], job["town"]["ca"])}


def walk(job: dict[str, Any]) -> dict[str, Any]:
    """Work the story; armed with a point, be struck there. Tells what was passed on the way."""
    story, known = Story(job["order"]), set(sys.modules)
    longest = let_leases_lapse(hurry=job.get("hurry", False)) if job.get("fresh") else 0.0
    DOOR.arm(Point.read(job["point"]) if job.get("point") else None, job.get("kind", ""))
    over = work(story, job.get("patience", PATIENCE))
    DOOR.open = False
    close_old_connections()
    return {
        "over": over, "struck": DOOR.struck, "longest": longest, "passed": [str(point) for point in DOOR.passed],
        "facts": facts(story), "loaded": sorted(set(sys.modules) - known),
    }  # fmt: skip


def judge(job: dict[str, Any]) -> dict[str, Any]:
    story = Story(job["order"])
    return {"over": story.over(), "facts": facts(story)}


def race(job: dict[str, Any]) -> dict[str, Any]:
    """One of several workers on the same rows: take whatever is due until every story is over.

    It hesitates before and after each request, where the network would: that is when others come in between.
    """
    dice = random.Random(job["number"])
    watch(lambda _moment, _call: time.sleep(dice.uniform(0, HESITATION)))
    stories = [Story(order) for order in job["orders"]]
    dice.shuffle(stories)
    ends = [work(story, job.get("patience", PATIENCE)) for story in stories]
    return {"over": all(ends), "facts": [facts(Story(order)) for order in job["orders"]]}


def scribble(job: dict[str, Any]) -> dict[str, Any]:
    """A web process at its busiest: sessions are made, changed and thrown away until the file appears."""
    written, faults = 0, []
    while not Path(job["until"]).exists():
        try:
            session = SessionStore()
            session["basket"] = written
            session.save()
            session.delete()
            written += 2
        except DatabaseError as error:
            faults.append(str(error))
    return {"written": written, "faults": faults}


def age(job: dict[str, Any]) -> dict[str, Any]:
    """Months pass in a moment: one order's certificate is about to end unwatched, another's plan is over."""
    now = timezone.now()
    ending = Certificate.objects.filter(plan__item__order_id=job["ending"])
    ending.update(not_before=now - timedelta(days=88), not_after=now + timedelta(days=2))
    RenewalInfo.objects.filter(certificate__in=ending).delete()
    Plan.objects.filter(item__order_id=job["over"]).update(ends_at=now - timedelta(hours=1))
    return {}


def day(job: dict[str, Any]) -> dict[str, Any]:
    """Do what beat rings for once an hour, and what comes of it."""
    daily()
    sweeping.sweep()
    return {}


def judge_day(job: dict[str, Any]) -> dict[str, Any]:
    ending, over = (
        Plan.objects.get(item__order_id=job["ending"]),
        Plan.objects.get(item__order_id=job["over"]),
    )
    return {
        "reminders": Letter.objects.filter(kind="certificate_ending", plan_id=ending.pk).count(),
        "ended plans": int(over.state == Plan.State.ENDED),
        "entries about it": Entry.objects.filter(action=Action.PLAN_ENDED, plan_id=over.pk).count(),
        "watched renewals": RenewalInfo.objects.filter(certificate__plan=ending).count(),
    }


TASKS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "begin": begin_story,
    "walk": walk,
    "judge": judge,
    "race": race,
    "scribble": scribble,
    "shop": shop,
    "echo": echo,
    "age": age,
    "day": day,
    "judge day": judge_day,
}
