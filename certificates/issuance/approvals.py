"""Names that their domain's owner is to approve by mail: who is asked, and what the order waits for (design §5.6).

At an *assisted* account the approval is an authorisation, and a record or a file proves the name. At a *prevalidated*
one the CA knows the name as valid already, and the approval is this customer's control. Where the mode is off, or has
ended by the rules, the record alone is asked for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from accounts.models import User
from certificates.issuance import waits
from certificates.issuance.walk import Done, Walk
from certificates.models import AcmeOrder, CaAccount
from identifiers.names import Name
from validation import ledger
from validation.approval import asking
from validation.models import Approval, Delegation
from validation.models.approval import covers
from validation.models.authorization import Method

Entry = dict[str, Any]


def counts(account: CaAccount, now: datetime) -> bool:
    """True if a control by mail counts at this account: it takes names as validated beforehand."""
    return account.email_mode_at(now) == CaAccount.EmailMode.PREVALIDATED


def proof_for(owner: User, ascii_name: str, *, wildcard: bool) -> str:
    """Return the challenge that proves a name which is approved by mail.

    What stands already is used. Else DNS: it proves wildcards too, needs no web server, and whoever reads the mail of
    the domain is nearer to its DNS than to its web server.
    """
    if wildcard:
        return str(Method.DNS)
    standing = set(Delegation.objects.of(owner).over(ascii_name).standing().values_list("kind", flat=True))
    by_redirect = Delegation.Kind.REDIRECT in standing and Delegation.Kind.CNAME not in standing
    return str(Method.HTTP if by_redirect else Method.DNS)


def by_email(entry: Entry) -> bool:
    return bool(entry["method"] == Method.EMAIL)


def first_for(walk: Walk) -> bool:
    """True if the approval has to be there before the order: an authorization that arrives valid without it is given back."""
    if not any(by_email(entry) for entry in walk.issuance.names):
        return False
    return counts(walk.order.account, walk.now) and bool(missing(walk))


def wait_before_order(walk: Walk) -> Done | None:
    return wait(walk)


def wait(walk: Walk) -> Done | None:
    """Ask whoever was not asked yet; None when nothing is missing."""
    unapproved = missing(walk)
    if not unapproved:
        return None
    ask(walk, unapproved)
    return Done(walk.now + waits.CUSTOMER, until_approved=True, waiting_for=AcmeOrder.WaitingFor.CUSTOMER)


def missing(walk: Walk) -> list[Entry]:
    """Return the entries whose approval is still to come, none where this account takes no approvals."""
    entries = [entry for entry in walk.issuance.names if by_email(entry)]
    mode = walk.order.account.email_mode_at(walk.now) if entries else CaAccount.EmailMode.OFF
    if mode == CaAccount.EmailMode.OFF:
        return []
    if mode == CaAccount.EmailMode.PREVALIDATED:
        return [
            entry
            for entry in entries
            if not ledger.has_control(walk.owner, entry["ascii"], entry["wildcard"], walk.now, by_mail=True)
        ]
    given = list(Approval.objects.of(walk.owner).given(walk.now))
    return [entry for entry in entries if not any(row.speaks_for(name_of(entry)) for row in given)]


def name_of(entry: Entry) -> Name:
    return Name(entry["ascii"], entry["wildcard"])


def ask(walk: Walk, entries: Iterable[Entry]) -> None:
    """Open one question for each recipient, about all names it is asked for. Questions about other names are taken back."""
    groups: dict[tuple[str, str], list[Name]] = defaultdict(list)
    for entry in entries:
        name, domain = name_of(entry), entry.get("approver_domain", "")
        if entry.get("approver") and covers(domain, name):
            groups[entry["approver"], domain].append(name)
    plan = walk.issuance.plan
    known = list(Approval.objects.filter(owner=walk.owner, plan_id=plan.pk, withdrawn_at__isnull=True))
    mode = walk.order.account.email_mode_at(walk.now)
    wanted = [
        (recipient, domain, names, _asked(known, recipient, domain, mode, names, walk.now))
        for (recipient, domain), names in groups.items()
    ]
    kept = {row.pk for *_rest, row in wanted if row is not None}
    asking.withdraw(
        [row for row in known if row.is_open(walk.now) and row.pk not in kept], walk.now, by="issuance"
    )
    for recipient, domain, names, row in wanted:
        if row is None:
            walk.hold()
            asking.ask(
                walk.owner,
                names,
                recipient=recipient,
                domain=domain,
                mode=mode,
                plan_id=plan.pk,
                # The address is the account's, which was confirmed: what was typed into an order could be anybody's.
                asker=(plan.item.order.purchaser_name, walk.owner.email),
                now=walk.now,
            )


def _asked(
    known: Iterable[Approval], recipient: str, domain: str, mode: str, names: list[Name], now: datetime
) -> Approval | None:
    """Return the question that has been put, or was answered with no; None if it is to be put."""
    texts = {name.text for name in names}
    for row in known:
        same = (row.recipient, row.domain) == (recipient, domain)
        said_no = row.answer in {Approval.Answer.REJECTED, Approval.Answer.REPORTED}
        if same and said_no and texts & set(row.names):
            return row
        if same and row.is_open(now) and row.mode == mode and texts == set(row.names):
            return row
    return None
