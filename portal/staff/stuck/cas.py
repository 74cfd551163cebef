"""CAs that stand still, with the orders behind them; refused revocations; and what is being moved from one CA to another."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, F, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.translation import gettext as _t
from django.utils.translation import ngettext

from audit.admin_pages import page_of
from certificates.issuance import breaker
from certificates.models import AcmeOrder, CaAccount, Campaign, Issuance, Revocation
from portal.staff.stuck.row import FETCHED, Act, Stuck
from portal.staff.stuck.words import ACME, meaning, sentence, told

# A CA revokes within seconds.
PATIENCE = timedelta(minutes=10)
SEES = "certificates.view_caaccount"


def _with_orders(accounts: QuerySet[CaAccount]) -> QuerySet[Any]:
    """Annotate `behind`: how many unfinished orders each account has."""
    unfinished = AcmeOrder.objects.filter(due_at__isnull=False, ended_at__isnull=True)
    behind = unfinished.filter(account=OuterRef("pk")).order_by()
    count = Subquery(
        behind.values("account").annotate(n=Count("pk")).values("n"), output_field=IntegerField()
    )
    return accounts.annotate(behind=Coalesce(count, 0))


def paused(now: datetime) -> Iterable[Stuck]:
    rows = _with_orders(CaAccount.objects.filter(paused_at__isnull=False)).order_by(
        F("behind").desc(), "paused_at"
    )
    for account in rows[:FETCHED]:
        resume = reverse("admin:certificates_caaccount_resume", args=[account.pk])
        yield Stuck(
            account.name,
            meaning(account.paused_why),
            account.paused_at,
            page_of(account),
            needs=SEES,
            # With the address where the CA says what it wants of its account holder (RFC 8555 §7.3.3).
            words=f"{account.paused_why.removeprefix(ACME)} {account.paused_link}".strip(),
            then=_t(
                "Nothing is asked of this CA until somebody resumes it. Then its orders go on by themselves."
            ),
            acts=(Act(_t("Resume"), resume, "certificates.change_caaccount", post=True, icon="refresh"),),
            behind=account.behind,
        )


def resting(now: datetime) -> Iterable[Stuck]:
    rows = CaAccount.objects.house().filter(paused_at__isnull=True, resting_until__gt=now)
    for account in _with_orders(rows).order_by(F("behind").desc(), "name")[:FETCHED]:
        failed = ngettext("Failed once.", "Failed %(n)d times in a row.", account.failures)
        yield Stuck(
            account.name,
            _t("The CA does not work at the moment and is left in peace. %(failed)s")
            % {"failed": failed % {"n": account.failures}},
            breaker.down_since(account, now),
            page_of(account),
            needs=SEES,
            words=account.trouble,
            next_at=account.resting_until,
            behind=account.behind,
        )


def revocations(now: datetime) -> Iterable[Stuck]:
    """Refused while browsers still trust the certificate, or asked for so long ago that somebody should look."""
    # Also one that was never sent: the CA may be left in peace since it does not work.
    slow = Q(refused_at__isnull=True, asked_at__lte=now - PATIENCE)
    rows = Revocation.objects.filter(Q(refused_at__isnull=False) | slow, done_at__isnull=True)
    rows = rows.filter(certificate__not_after__gt=now)
    rows = rows.select_related("certificate__plan__item__order", "certificate__account")
    for row in rows.defer("certificate__leaf_pem", "certificate__chain_pem").order_by("asked_at")[:FETCHED]:
        ask = reverse("admin:certificates_certificate_revoke", args=[row.certificate_id])
        refused = row.refused_at is not None
        yield Stuck(
            row.certificate.plan.item.order.number,
            _t("The CA refused to revoke the certificate: it is still trusted.")
            if refused
            else _t("The CA has not revoked the certificate yet: it is still trusted."),
            row.asked_at,
            reverse("staff_plan", args=[row.certificate.plan_id]),
            names=tuple(row.certificate.names),
            words=_why_not_yet(row, now),
            then=_t("Nothing happens by itself: ask again, or have the CA do it.") if refused else "",
            next_at=row.due_at,
            acts=(Act(_t("Ask again"), ask, "certificates.add_revocation", icon="refresh"),)
            if refused
            else (),
        )


def _why_not_yet(row: Revocation, now: datetime) -> str:
    account = row.certificate.account
    rests = account is not None and account.resting_until is not None and account.resting_until > now
    if rests and row.under_way:
        return _t("The CA does not work at the moment and is left in peace.")
    return told(row.problem) or str(sentence(row.problem))


def campaigns(now: datetime) -> Iterable[Stuck]:
    rows = Campaign.objects.filter(state__in=[Campaign.State.RUNNING, Campaign.State.PAUSED])
    of = {state: Count("issuances", filter=Q(issuances__state=state)) for state in Issuance.State.values}
    annotated: QuerySet[Any] = rows.select_related("from_account", "to_account").annotate(
        begun=Count("issuances"), **of
    )
    for row in annotated.order_by("-created_at")[:FETCHED]:
        facts = {"issued": row.issued, "begun": row.begun, "wanted": row.wanted, "failed": row.failed}
        progress = (
            _t("%(issued)d of %(begun)d begun are issued, %(wanted)d under way, %(failed)d refused.") % facts
        )
        is_paused = row.state == Campaign.State.PAUSED
        yield Stuck(
            str(row),
            progress,
            row.created_at,
            reverse("staff_campaign", args=[row.pk]),
            needs="certificates.view_campaign",
            words=row.reason,
            then=_t("Paused: no more reissues are begun until somebody goes on.") if is_paused else "",
            next_at=row.due_at,
        )
