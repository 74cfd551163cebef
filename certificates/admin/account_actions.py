"""What an operator has done with an account at its CA: tested, resumed, given another key, told its contact, given up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from accounts.addresses import client_address
from accounts.audited_admin import AuditedAdmin, ReasonForm
from accounts.people import signed_in
from audit.admin_pages import page_of
from audit.record import record
from audit.vocabulary import Action
from certificates import keeping_account
from certificates.admin.directory import look
from certificates.connection import note_directory
from certificates.connectors.base import DirectoryFacts
from certificates.connectors.problems import CaError
from certificates.issuance import changing_key
from certificates.issuance.changing_key import Outcome
from certificates.key_change import open_names
from certificates.models import AcmeOrder, CaAccount
from certificates.sealing import CannotUnseal
from leases import ring

SEALED = _("No key-encryption key opens this account's key: is KEY_ENCRYPTION_KEYS complete?")


class AgreeForm(forms.Form):
    agreed = forms.BooleanField(label=_("We have read these terms and agree to them"))


class GiveUpForm(ReasonForm):
    """The account's name is typed, so that a slip of the mouse ends nothing."""

    typed = forms.CharField(
        label=_("Name of the account"),
        max_length=80,
        help_text=_("Type it to confirm."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "size": 60}),
    )
    field_order = ("typed", "reason")

    def __init__(self, account: CaAccount, data: Any = None) -> None:
        self.account_name = account.name
        super().__init__(data)

    def clean_typed(self) -> str:
        typed = str(self.cleaned_data["typed"])
        if typed != self.account_name:
            raise forms.ValidationError(_t("This is not the name of this account."))
        return typed


class AccountActions(AuditedAdmin):
    """The buttons of an account's page."""

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        views: dict[str, Callable[..., HttpResponse]] = {
            "test": self.test_view,
            "resume": self.resume_view,
            "key": self.key_view,
            "contact": self.contact_view,
            "terms": self.terms_view,
            "give-up": self.give_up_view,
        }
        own = [
            path(f"<uuid:account_id>/{name}/", wrap(view), name=f"certificates_caaccount_{name}")
            for name, view in views.items()
        ]
        return [*own, *super().get_urls()]

    @method_decorator(require_POST)
    def test_view(self, request: HttpRequest, account_id: Any) -> HttpResponse:
        """Read the CA's directory, remember what it says and show it. Opens no account and no order."""
        account = self._account(request, account_id)
        facts, problem, was = None, None, account.caa_names()
        try:
            facts = look(account.house_account)
        except CaError as error:
            problem = error.problem
        page = {
            **self.admin_site.each_context(request),
            "title": _t("Connection to %(name)s") % {"name": account.name},
            "opts": self.opts,
            "original": account,
            "facts": facts,
            "problem": problem,
        }
        if facts is not None:
            page |= self._compared(account, facts, was)
        return TemplateResponse(request, "admin/certificates/caaccount/test.html", page)

    def _compared(self, account: CaAccount, facts: DirectoryFacts, was: Any) -> dict[str, bool]:
        house = account.house_account
        differs = list(facts.caa_identities) != was
        # CAA names an operator may have typed for a reason; they change when the account is opened.
        note_directory(house, facts, timezone.now(), caa=False)
        return {
            "caa_differs": differs,
            "profile_unknown": bool(house.profile and house.profile not in facts.profiles),
            "eab_missing": facts.external_account_required
            and not house.sealed_eab_hmac
            and not account.account_url,
            "terms_differ": bool(account.account_url) and house.has_new_terms,
        }

    @method_decorator(require_POST)
    def resume_view(self, request: HttpRequest, account_id: Any) -> HttpResponse:
        """Let a paused CA's queue go on, at once."""
        account, now = self._account(request, account_id), timezone.now()
        with transaction.atomic():
            resumed = account.resume()
            if resumed:
                mine = Q(account=account) | Q(account__parent=account)
                AcmeOrder.objects.open().filter(mine).wake(now)
                record(Action.CA_RESUMED, account, was=account.paused_why, **self._whom(request, now))
        if resumed:
            ring()
            messages.success(
                request, _t("%(name)s goes on; its waiting orders are due now.") % {"name": account.name}
            )
        else:
            messages.warning(request, _t("%(name)s was not paused.") % {"name": account.name})
        return redirect(page_of(account))

    def key_view(self, request: HttpRequest, account_id: Any) -> HttpResponse:
        """Change the account key (RFC 8555 §7.3.5), at once or as soon as no order is being worked on."""
        account = self._account(request, account_id)
        form = ReasonForm(request.POST if request.method == "POST" else None)
        if not form.is_valid():
            lead = _t(
                "The account stays the same, only its key changes. Orders stand still for some seconds. Names that customers "
                "have not published yet will ask for another value."
            )
            facts = [
                (_t("Account"), account.account_url or "–"),
                (_t("Names that will ask for another value"), open_names(account).count()),
            ]
            return self.ask(
                request, account, form, title=_t("Change the account key"), submit=_t("Change the key"), lead=lead, facts=facts
            )  # fmt: skip
        whom, reason = self._whom(request, timezone.now()), form.cleaned_data["reason"]
        try:
            changing_key.ask(account, reason=reason, **whom)
            outcome = changing_key.go_on(account, by=whom["by"], now=timezone.now())
        except changing_key.NotNow as error:
            messages.error(request, str(error))
        except CannotUnseal:
            messages.error(request, str(SEALED))
        else:
            ring()
            _tell_outcome(request, outcome)
        return redirect(page_of(account))

    @method_decorator(require_POST)
    def contact_view(self, request: HttpRequest, account_id: Any) -> HttpResponse:
        account = self._account(request, account_id)
        self.tell_contact(request, account)
        return redirect(page_of(account))

    def tell_contact(self, request: HttpRequest, account: CaAccount) -> None:
        """Send the stored contact to the CA. A failure is told, and nothing is lost by it."""
        lost = _t(
            "The contact is stored here, but the CA has not been told: %(why)s Use “Send the contact to the CA”."
        )
        self._do(
            request,
            lambda: keeping_account.send_contact(account, **self._whom(request, timezone.now())),
            done=_t("The CA has the contact."),
            failed=lost,
        )

    def terms_view(self, request: HttpRequest, account_id: Any) -> HttpResponse:
        """Agree to the terms that the CA has now (RFC 8555 §7.3.3)."""
        account = self._account(request, account_id)
        form = AgreeForm(request.POST if request.method == "POST" else None)
        if not account.has_new_terms:
            messages.info(request, _t("The CA has no new terms. “Test connection” looks for them."))
            return redirect(page_of(account))
        if not form.is_valid():
            facts = [
                (_t("New terms"), account.terms_offered),
                (_t("Agreed to so far"), account.terms_url or "–"),
            ]
            lead = _t("The CA's terms of service are others than those that were agreed to.")
            return self.ask(
                request, account, form, title=_t("Agree to the CA's terms"), submit=_t("Agree"), lead=lead, facts=facts
            )  # fmt: skip
        self._do(
            request,
            lambda: keeping_account.agree(account, **self._whom(request, timezone.now())),
            done=_t("The new terms are agreed to. If the CA is paused for them, resume it now."),
            failed=_t("Nothing was agreed to: %(why)s"),
        )
        return redirect(page_of(account))

    def give_up_view(self, request: HttpRequest, account_id: Any) -> HttpResponse:
        """Deactivate the account at the CA (RFC 8555 §7.3.6)."""
        account = self._account(request, account_id)
        form = GiveUpForm(account, request.POST if request.method == "POST" else None)
        if not form.is_valid():
            lead = _t(
                "The CA will answer nothing more to this account, and it cannot be brought back. Certificates stay valid, but only "
                "their own keys can revoke them. Enabled again, another account is opened."
            )
            facts = [
                (_t("Account"), account.account_url or "–"),
                (_t("Orders under way"), keeping_account.under_way(account)),
            ]
            return self.ask(
                request, account, form, title=_t("Give the account up"), submit=_t("Give it up"), lead=lead, facts=facts, tone="danger"
            )  # fmt: skip
        whom, reason = self._whom(request, timezone.now()), form.cleaned_data["reason"]
        self._do(
            request,
            lambda: keeping_account.give_up(account, reason=reason, **whom),
            done=_t("The account is given up.")
            if account.parent_id
            else _t("The account is given up and disabled."),
            failed=_t("The account was not given up: %(why)s"),
        )
        return redirect(page_of(account))

    def _do(self, request: HttpRequest, work: Callable[[], None], *, done: str, failed: str) -> None:
        """Do it and say how it went. What the CA says is text, never markup."""
        try:
            work()
        except keeping_account.NotPossible as error:
            messages.error(request, str(error))
        except CaError as error:
            messages.error(request, failed % {"why": error.detail or error.typ})
        except CannotUnseal:
            messages.error(request, str(SEALED))
        else:
            messages.success(request, done)

    def _whom(self, request: HttpRequest, now: Any) -> dict[str, Any]:
        return {"by": signed_in(request), "address": client_address(request), "now": now}

    def _account(self, request: HttpRequest, account_id: Any) -> CaAccount:
        if not request.user.has_perm("certificates.change_caaccount"):
            raise PermissionDenied
        account = CaAccount.objects.select_related("parent").filter(pk=account_id).first()
        if account is None:
            raise Http404
        return account


def _tell_outcome(request: HttpRequest, outcome: Outcome) -> None:
    if outcome is Outcome.CHANGED:
        messages.success(request, _t("The account has another key now."))
    elif outcome is Outcome.WAITING:
        messages.info(
            request,
            _t("Orders are being worked on. The key is changed as soon as they pause, within minutes."),
        )
    else:
        messages.error(
            request, _t("The key was not changed; the account's entries in the audit log say why.")
        )
