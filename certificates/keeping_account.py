"""What an operator settles with the CA about an account: contact, terms, its end (RFC 8555 §7.3.2, §7.3.3, §7.3.6)."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from audit.record import record
from audit.vocabulary import Action
from certificates.connection import connect, contact_of
from certificates.connectors.problems import ACME_PREFIX, CaError, OperatorMustAct
from certificates.issuance.opening_account import hand_down
from certificates.models import AcmeOrder, CaAccount

GONE = {ACME_PREFIX + word for word in ("unauthorized", "accountDoesNotExist")}
MALFORMED = ACME_PREFIX + "malformed"


class NotPossible(Exception):
    """The wish does not fit the present state; the message is for the operator."""


def send_contact(account: CaAccount, *, by: User, now: datetime, address: str | None = None) -> None:
    """Tell the CA the contact as it is stored. Nothing here is lost when that fails. Raises NotPossible, CaError, CannotUnseal."""
    if not account.account_url:
        raise NotPossible(_("The account is not opened yet: the CA is told the contact when it is."))
    house = account.house_account
    connect(account).update_account(contact=contact_of(house))
    record(Action.CA_CONTACT_SENT, account, now=now, by=by, address=address, contact=house.contact)


def agree(account: CaAccount, *, by: User, now: datetime, address: str | None = None) -> None:
    """Agree to the terms that the CA has on offer. Raises NotPossible, CaError, CannotUnseal."""
    terms = account.terms_offered
    if not account.has_new_terms:
        raise NotPossible(_("The CA has no other terms on offer than those that were agreed to."))
    if account.account_url:
        try:
            connect(account).update_account(contact=contact_of(account) or None, terms_agreed=True)
        except OperatorMustAct as error:
            # Some CAs take agreement with a new account only; what they want instead they say with userActionRequired.
            if error.typ != MALFORMED:
                raise
    with transaction.atomic():
        CaAccount.objects.filter(pk=account.pk).update(terms_url=terms, terms_agreed_at=now)
        account.terms_url, account.terms_agreed_at = terms, now
        hand_down(account)
        record(Action.CA_TERMS_AGREED, account, now=now, by=by, address=address, terms=terms)


def under_way(account: CaAccount) -> int:
    """Return how many orders stand at the CA in this account's name, or may do so."""
    sent = Q(url__isnull=False) | Q(intent_at__isnull=False)
    return AcmeOrder.objects.open().filter(sent, account=account, ended_at__isnull=True).count()


def give_up(account: CaAccount, *, by: User, now: datetime, reason: str, address: str | None = None) -> None:
    """Deactivate the account at the CA for good; the row stays, disabled, and opens another one if it is enabled again.

    A customer's account opens another one with their next order.

    First no new order may begin here, then those under way are counted. Raises NotPossible, CaError, CannotUnseal.
    """
    if not account.account_url:
        raise NotPossible(_("There is no account at the CA to give up."))
    _refuse_while_in_use(account)
    CaAccount.objects.filter(pk=account.pk).update(enabled=False)
    _refuse_while_in_use(account)
    try:
        connect(account).deactivate_account()
    except CaError as error:
        if error.typ not in GONE:
            raise
    with transaction.atomic():
        CaAccount.objects.filter(pk=account.pk, account_url=account.account_url).update(
            account_url="",
            sealed_key=None,
            sealed_next_key=None,
            next_key_at=None,
            # A customer's account has no form of its own; it is their pattern that is switched off.
            enabled=account.parent_id is not None,
        )
        record(
            Action.CA_DEACTIVATED,
            account,
            now=now,
            by=by,
            address=address,
            reason=reason,
            url=account.account_url,
        )
    account.refresh_from_db()


def _refuse_while_in_use(account: CaAccount) -> None:
    count = under_way(account)
    if count:
        text = ngettext(
            "%(count)d order is under way in this account's name. Disable the account, and come back when it has ended.",
            "%(count)d orders are under way in this account's name. Disable the account, and come back when they have ended.",
            count,
        )
        raise NotPossible(text % {"count": count})
