"""A CA account's limits in its admin page: rows to fill in, and a button that enters Let's Encrypt's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from accounts.labelled_inline import LabelledInline
from audit.admin_pages import page_of
from certificates.admin.account_actions import AccountActions
from certificates.held_up import LIMIT
from certificates.issuance import limits
from certificates.models import AcmeOrder, CaAccount, CaLimit


class LimitInline(LabelledInline):
    """What is counted against them is not listed: there are thousands, and none says anything by itself."""

    model = CaLimit
    fields = ("kind", "amount", "seconds", "renewals_exempt")
    verbose_name_plural = _("limits of the CA: an order over one waits here for its slot")


class LimitActions(AccountActions):
    """The button for Let's Encrypt's limits, and what happens when limits change."""

    def get_urls(self) -> list[URLPattern]:
        view: Callable[..., HttpResponse] = self.admin_site.admin_view(self.limits_view)
        name = "certificates_caaccount_limits"
        return [path("<uuid:account_id>/limits/", view, name=name), *super().get_urls()]

    @method_decorator(require_POST)
    def limits_view(self, request: HttpRequest, account_id: Any) -> HttpResponse:
        account: CaAccount = self._account(request, account_id).house_account
        with transaction.atomic():
            count = limits.set_lets_encrypts(account)
            if count:
                self.remember(request, account, verb="changed", what="Let's Encrypt's limits")
                wake(account)
        if count:
            told = ngettext("%(count)d limit was entered.", "%(count)d limits were entered.", count)
            messages.success(request, told % {"count": count})
        else:
            messages.info(request, _t("This account has a limit of each kind already."))
        return redirect(page_of(account))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Who waits for a limit asks the new ones."""
        super().save_related(request, form, formsets, change)
        if any(issubclass(formset.model, CaLimit) and formset.has_changed() for formset in formsets):
            wake(form.instance)


def wake(account: Model) -> None:
    waiting = AcmeOrder.objects.open().filter(url__isnull=True, problem__type=LIMIT)
    for mine in ({"account": account}, {"account__parent": account}):
        waiting.filter(**mine).wake(timezone.now())
