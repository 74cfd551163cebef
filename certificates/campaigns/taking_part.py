"""Which certificates a mass reissue is about, and which of them cannot take part, and why: said in SQL, for any number."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Case, CharField, Exists, OuterRef, Q, QuerySet, Value, When
from django.db.models.enums import TextChoices
from django.utils.translation import gettext_lazy as _

from certificates.models import (
    Activation,
    CaAccount,
    Campaign,
    Certificate,
    Issuance,
    ProductIssuer,
    Revocation,
)
from orders.models import Plan


class Why(TextChoices):
    """Why a certificate is not reissued; NOTHING: it is."""

    NOTHING = "", _("Takes part")
    SUSPENDED = "suspended", _("The plan is suspended")
    ENDED = "ended", _("The plan has ended")
    PRODUCT = "product", _("The other CA account cannot fulfil the product")
    SETUP = "setup", _("The set-up is not complete")
    REVOKED = "revoked", _("The certificate is to be revoked")
    KEY = "key", _("The key of the customer's own CSR became known")
    BUSY = "busy", _("A request is running already")


def of_ca(account: CaAccount, now: datetime) -> QuerySet[Certificate]:
    """Return the valid certificates of this account and of those opened for single customers under it."""
    own = Q(account=account) | Q(account__parent=account)
    return Certificate.objects.current(now).filter(own)


def judged(from_account: CaAccount, to_account: CaAccount, now: datetime) -> QuerySet[Any]:
    """Return the certificates of `from_account`, each with `why`: one of Why."""
    plan = OuterRef("plan")
    done = Activation.objects.filter(plan=plan, finished_at__isnull=False, csr_done_at__isnull=False)
    wanted = Issuance.objects.filter(plan=plan, state=Issuance.State.WANTED)
    able = ProductIssuer.objects.filter(product=OuterRef("plan__product"), account=to_account)
    revoked = Revocation.objects.filter(certificate=OuterRef("pk"), refused_at__isnull=True)
    known = Revocation.objects.filter(
        reason=Revocation.Reason.KEY_COMPROMISE, certificate__spki_sha256=OuterRef("spki_sha256")
    )
    pasted = Q(plan__activation__csr_source=Activation.CsrSource.PASTED)
    why = Case(
        When(plan__state=Plan.State.SUSPENDED, then=Value(Why.SUSPENDED)),
        When(~Q(plan__state=Plan.State.ACTIVE) | Q(plan__ends_at__lte=now), then=Value(Why.ENDED)),
        When(~Exists(able), then=Value(Why.PRODUCT)),
        When(~Exists(done), then=Value(Why.SETUP)),
        When(Exists(revoked), then=Value(Why.REVOKED)),
        When(pasted & Exists(known), then=Value(Why.KEY)),
        When(Exists(wanted), then=Value(Why.BUSY)),
        default=Value(Why.NOTHING),
        output_field=CharField(),
    )
    return of_ca(from_account, now).annotate(why=why)


def left_in(campaign: Campaign, now: datetime) -> QuerySet[Any]:
    """Return what `judged` does, without the plans that this campaign has taken already, whatever came of it.

    A campaign from an account to itself ends too: what it has yielded was issued after it began.
    """
    rows = judged(campaign.from_account, campaign.to_account, now)
    taken = Issuance.objects.filter(plan=OuterRef("plan"), campaign=campaign)
    if campaign.from_account_id == campaign.to_account_id:
        rows = rows.filter(issued_at__lte=campaign.created_at)
    return rows.filter(~Exists(taken))


def to_come(campaign: Campaign, now: datetime) -> QuerySet[Any]:
    """Return what can be begun now, what ends soonest first."""
    return left_in(campaign, now).filter(why=Why.NOTHING).order_by("not_after", "pk")
