"""Our own zone for names that were set up once: values that its server does not take."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import F
from django.utils.translation import gettext as _t

from audit.admin_pages import page_of
from portal.staff.stuck.row import FETCHED, Stuck
from validation.models import Publication


def not_written(now: datetime) -> Iterable[Stuck]:
    """Values that a CA waits for come first, then those that should be gone."""
    # By due_at: those that are still tended have an index, all values ever have none.
    rows = Publication.objects.filter(due_at__isnull=False).exclude(problem="").select_related("delegation")
    for row in rows.order_by(F("published_at").asc(nulls_first=True), "wanted_at")[:FETCHED]:
        wanted = row.published_at is None
        yield Stuck(
            row.delegation.target,
            _t(
                "The zone does not hold the value: the certificate authority cannot see it, and the order waits."
            )
            if wanted
            else _t("The value should be gone and stands there still."),
            row.wanted_at,
            page_of(row.delegation),
            "validation.view_delegation",
            names=(row.delegation.identifier,),
            words=row.problem,
            next_at=row.due_at,
        )
