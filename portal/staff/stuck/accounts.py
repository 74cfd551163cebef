"""CA accounts that work and still want a look: other terms, too little time for showing a name, a key change without an answer."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext as _t

from audit.admin_pages import page_of
from certificates.models import CaAccount
from certificates.profiles import hasty_in_use
from portal.staff.stuck.row import FETCHED, Act, Stuck

SEES = "certificates.view_caaccount"
CHANGES = "certificates.change_caaccount"


def wanting_a_look(now: datetime) -> Iterable[Stuck]:
    rows = CaAccount.objects.house().filter(enabled=True).defer("roots_pem").prefetch_related("issuers")
    found = (row for account in rows.order_by("name") for row in _of(account))
    for _index, row in zip(range(FETCHED), found, strict=False):
        yield row


def _of(account: CaAccount) -> Iterable[Stuck]:
    if account.has_new_terms and account.terms_agreed_at is not None:
        terms = reverse("admin:certificates_caaccount_terms", args=[account.pk])
        yield _row(
            account,
            account.terms_offered_at,
            _t("The CA has other terms of service than those that were agreed to."),
            _t("The CA may refuse new orders one day; then it is paused."),
            Act(_t("Read them"), terms, CHANGES),
        )
    for profile in hasty_in_use(account):
        since = account.short_since.get(profile)
        text = _t("The CA leaves less than two hours to show a name (profile: %(profile)s).")
        yield _row(
            account,
            datetime.fromisoformat(since) if since else None,
            text % {"profile": profile or _t("CA's default")},
            _t("Customers who publish by hand get a fresh order again and again. Choose another profile."),
        )
    if account.sealed_next_key is not None and account.next_key_at is None:
        key = reverse("admin:certificates_caaccount_key", args=[account.pk])
        yield _row(
            account,
            account.next_key_made_at,
            _t("The CA gave no answer when the account key was changed."),
            _t(
                "Both keys are kept, and the CA is asked each time which one it is, until the change is repeated."
            ),
            Act(_t("Repeat it"), key, CHANGES),
        )


def _row(account: CaAccount, since: datetime | None, why: str, then: str, *acts: Act) -> Stuck:
    return Stuck(account.name, why, since, page_of(account), needs=SEES, then=then, acts=acts)
