"""Each name of a plan as support sees it: how it is shown, what the ledger holds, what was set up once, who was asked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.audited_admin import ReasonForm
from certificates.models import Issuance
from identifiers.names import Name
from orders.models import Plan
from validation.methods import METHODS, available_for
from validation.models import Approval, Control, Delegation
from validation.models.authorization import Method

CONTROLS_SHOWN = 5


@dataclass(frozen=True)
class Proof:
    """One entry of the ledger; `form` asks why the name's proofs are to be withdrawn, beside the newest that stands."""

    control: Control
    stands: bool
    form: ReasonForm | None


@dataclass(frozen=True)
class NameStory:
    name: Name
    method: str
    proofs: list[Proof]
    delegations: list[Delegation]
    approvals: list[Approval] = field(default_factory=list)

    @property
    def method_label(self) -> str:
        return str(Method(self.method).label) if self.method in Method.values else self.method

    @property
    def stands(self) -> bool:
        return any(proof.stands for proof in self.proofs)


class MethodForm(ReasonForm):
    """Which name is to be shown how, and why. Email is left to the customer, who knows whom to ask."""

    name = forms.ChoiceField(label=_("Name"))
    method = forms.ChoiceField(label=_("Method"))
    field_order = ("name", "method", "reason")

    def __init__(self, *args: object, running: Issuance, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        offered: dict[str, object] = {}
        for entry in running.names:
            for method in available_for(entry["ascii"], entry["wildcard"]):
                offered[method.slug] = method.label
        offered.pop(Method.EMAIL, None)
        self.fields["name"].choices = [(text, text) for text in running.texts]  # type: ignore[attr-defined]
        self.fields["method"].choices = [  # type: ignore[attr-defined]
            (slug, METHODS[slug].label) for slug in METHODS if slug in offered
        ]


def names_of_plan(plan: Plan, running: Issuance | None, now: datetime) -> list[NameStory]:
    """Return the plan's names in their order. Three queries, however many there are."""
    methods = _methods(plan, running)
    domains = {name.ascii for name in methods}
    controls = Control.objects.of(plan.owner).filter(identifier__in=domains).order_by("-shown_at", "-pk")
    delegations = Delegation.objects.of(plan.owner).filter(identifier__in=domains)
    approvals = Approval.objects.of(plan.owner).filter(plan_id=plan.pk).select_related("letter")
    shown = _by_name(controls, now)
    standing = defaultdict(list)
    for row in delegations:
        standing[row.identifier].append(row)
    asked = list(approvals)
    return [
        NameStory(
            name, method, shown[name.text][:CONTROLS_SHOWN], standing[name.ascii],
            [row for row in asked if name.text in row.names],
        )
        for name, method in methods.items()
    ]  # fmt: skip


def _methods(plan: Plan, running: Issuance | None) -> dict[Name, str]:
    """As the request under way says, else as the customer has set it up."""
    if running is not None:
        return {Name(entry["ascii"], entry["wildcard"]): str(entry["method"]) for entry in running.names}
    activation = getattr(plan, "activation", None)
    names = activation.names.all() if activation is not None else []
    return {Name(name.ascii, name.wildcard): name.method for name in names}


def _by_name(controls: Iterable[Control], now: datetime) -> dict[str, list[Proof]]:
    found: dict[str, list[Proof]] = defaultdict(list)
    for control in controls:
        stands = control.stands(now)
        first = stands and not any(proof.stands for proof in found[control.text])
        form = ReasonForm(prefix=prefix_of(control.pk)) if first else None
        found[control.text].append(Proof(control, stands, form))
    return found


def prefix_of(control_id: int) -> str:
    return f"control-{control_id}"
