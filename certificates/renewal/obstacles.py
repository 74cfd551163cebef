"""What keeps the next certificate of a plan from being ordered by itself, in words for its owner."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from certificates.models import Activation, CaAccount, Certificate, Issuance, Revocation
from certificates.upcoming import goes_on_after
from orders.models import Plan

# A CA that recalls every new certificate at once must not get a new order every hour.
MOST_BY_ITSELF = 3
WITHIN = timedelta(days=7)


@dataclass(frozen=True)
class Obstacle:
    """`blocks` is false where there is nothing that its owner would have to know or do."""

    slug: str
    text: str | Promise
    blocks: bool = True


SUSPENDED = Obstacle("plan_suspended", _("The plan is suspended because of its payment."), blocks=False)
PLAN_ENDS_FIRST = Obstacle(
    "plan_ends_first", _("The certificate lasts as long as the plan: no other one is needed."), blocks=False
)
UNWANTED = Obstacle("unwanted", _("The certificate is to be revoked."), blocks=False)
SWITCHED_OFF = Obstacle(
    "automatic_off", _("You asked us not to order the next certificate by ourselves: please get it here.")
)
NOT_SET_UP = Obstacle(
    "not_set_up", _("The plan's set-up is not complete. Please go through its steps again.")
)
KEY_COMPROMISED = Obstacle(
    "key_compromised",
    _("The private key of your CSR became known, so it cannot be used again: please bring a new CSR."),
)
GIVEN_UP = Obstacle(
    "given_up", _("The last request for it ended without a certificate: please get the next one here.")
)
TOO_OFTEN = Obstacle(
    "too_often",
    _("The certificate authority asks for another certificate again and again. We wait before the next one."),
)
NO_CA = Obstacle(
    "no_ca", _("No certificate authority is set up for this product at present. Our staff must put it right.")
)


def obstacle_to(
    certificate: Certificate, plan: Plan, now: datetime, *, recalled: bool = False
) -> Obstacle | None:
    """Return what stands in the way, None when the next certificate may be ordered. `recalled`: the CA wants it replaced early.

    The plan's own end is checked here too: nothing is ordered for a plan that is not active at `now`.
    """
    if plan.state != Plan.State.ACTIVE or plan.ends_at <= now:
        return SUSPENDED if plan.state == Plan.State.SUSPENDED else PLAN_ENDS_FIRST
    if not recalled and not goes_on_after(plan, certificate):
        return PLAN_ENDS_FIRST
    activation = Activation.objects.filter(plan=plan).first()
    if activation is None or activation.finished_at is None:
        return NOT_SET_UP
    if is_unwanted(certificate):
        return UNWANTED
    if not activation.automatic:
        return SWITCHED_OFF
    if activation.csr_source == Activation.CsrSource.PASTED and is_compromised(certificate, activation):
        return KEY_COMPROMISED
    if was_given_up(certificate):
        return GIVEN_UP
    if ordered_lately(plan, now) >= MOST_BY_ITSELF:
        return TOO_OFTEN
    return None if CaAccount.objects.for_product(plan.product).exists() else NO_CA


def is_unwanted(certificate: Certificate) -> bool:
    """True from the moment somebody asked to have it revoked: whether another one is wanted is for its owner to say."""
    asked = Revocation.objects.filter(certificate=certificate)
    return asked.filter(Q(refused_at__isnull=True) | Q(reason=Revocation.Reason.KEY_COMPROMISE)).exists()


def is_compromised(certificate: Certificate, activation: Activation) -> bool:
    """True if the key became known after its CSR was brought, through whichever certificate it was reported."""
    said = Revocation.objects.filter(
        reason=Revocation.Reason.KEY_COMPROMISE,
        certificate__spki_sha256=certificate.spki_sha256,
        asked_at__gte=activation.csr_done_at or certificate.issued_at,
    )
    return said.exists()


def was_given_up(certificate: Certificate) -> bool:
    """True if a request of ours for its successor has ended: its owner or the CA did not want it, so nor do we a second time."""
    ended = [Issuance.State.FAILED, Issuance.State.WITHDRAWN]
    return Issuance.objects.filter(
        replaces=certificate.pk, campaign__isnull=True, requested_by__isnull=True, state__in=ended
    ).exists()


def ordered_lately(plan: Plan, now: datetime) -> int:
    """Return how many certificates of the plan were ordered by themselves in the last WITHIN."""
    lately = Issuance.objects.filter(plan=plan, created_at__gt=now - WITHIN)
    return lately.filter(replaces__isnull=False, campaign__isnull=True, requested_by__isnull=True).count()
