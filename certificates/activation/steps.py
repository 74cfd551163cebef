"""The four steps of the wizard: their titles, what makes each complete, and where one goes next."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.db.models import Prefetch
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from certificates.models import Activation, ActivationName, Certificate
from orders.models import Plan


@dataclass(frozen=True)
class Step:
    """`slug` is the word in the URL name and in the drafts; `done_field` the column of Activation that completes it."""

    number: int
    slug: str
    title: str | Promise
    done_field: str

    @property
    def heading(self) -> str:
        return _("Step %(number)d of %(total)d, %(title)s") % {
            "number": self.number,
            "total": len(STEPS),
            "title": self.title,
        }

    def url(self, plan_id: uuid.UUID) -> str:
        return reverse(f"activation-{self.slug}", args=[plan_id])

    def done(self, activation: Activation) -> bool:
        return bool(self.done_field) and getattr(activation, self.done_field) is not None

    def version(self, activation: Activation) -> str:
        """Return a word that changes whenever the step is saved."""
        done_at = getattr(activation, self.done_field) if self.done_field else None
        return done_at.isoformat() if done_at is not None else "never"


CSR = Step(1, "csr", gettext_lazy("CSR"), "csr_done_at")
CONTACTS = Step(2, "contacts", gettext_lazy("Contacts"), "contacts_done_at")
METHODS = Step(3, "methods", gettext_lazy("Authentication method"), "methods_done_at")
APPROVE = Step(4, "approve", gettext_lazy("Approve"), "")
STEPS = (CSR, CONTACTS, METHODS, APPROVE)


class TooLate(Exception):
    """The activation can no longer be changed; the message is for the customer."""


def first_unfinished(activation: Activation) -> Step:
    """Return where the customer goes on: the first step that is not complete, Approve once `Finish` was pressed."""
    for step in (CSR, CONTACTS, METHODS):
        if not step.done(activation):
            return step
    return APPROVE if activation.finished_at is not None else METHODS


def may_open(activation: Activation, step: Step) -> bool:
    """True for every step up to the first unfinished one."""
    return step.number <= first_unfinished(activation).number


def editable(plan: Plan) -> bool:
    """True until the first certificate of the plan is issued."""
    return plan.state == Plan.State.OPEN and not Certificate.objects.filter(plan=plan).exists()


def refuse_late_changes(plan: Plan) -> None:
    """Raises TooLate once a certificate was issued, or when the plan does not run."""
    if not editable(plan):
        raise TooLate(
            _(
                "Your certificate was already issued, so its set-up can no longer be changed. Nothing was saved."
            )
        )


def locked(activation: Activation) -> Activation:
    """Return the row as it is now, held until the transaction ends, with its plan and names. Raises TooLate."""
    row = (
        Activation.objects.select_for_update(of=("self",))
        .select_related("plan__item")
        .prefetch_related(Prefetch("names", ActivationName.objects.order_by("position", "pk")))
        .get(pk=activation.pk)
    )
    refuse_late_changes(row.plan)
    return row


def stepper(activation: Activation, current: Step) -> list[dict[str, object]]:
    """Return what components/stepper.html draws: finished steps are links."""
    return [
        {
            "title": step.title,
            "url": step.url(activation.plan_id) if may_open(activation, step) else None,
            "done": step.done(activation) or (step is not APPROVE and activation.finished_at is not None),
            "current": step is current,
        }
        for step in STEPS
    ]
