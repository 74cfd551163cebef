"""Whether every name of an order is shown without anybody's doing, so that no person has to be given time for it."""

from __future__ import annotations

from certificates.issuance import approvals, standing_records
from certificates.issuance.approvals import Entry
from certificates.issuance.walk import Walk
from identifiers.names import Name
from validation import delegation


def proves_itself(walk: Walk) -> bool:
    """True if a redirect, an alias or a standing record answers for each name, or the CA knows it beforehand."""
    others = [
        Name(ascii=entry["ascii"], wildcard=entry["wildcard"])
        for entry in walk.issuance.names
        if not _answers_here(walk, entry)
    ]
    return not others or delegation.answers(walk.owner, others)


def _answers_here(walk: Walk, entry: Entry) -> bool:
    """True for what this CA alone takes as shown. Approvals that are missing were waited for before."""
    account = walk.order.account
    if approvals.by_email(entry) and approvals.counts(account, walk.now):
        return True
    offered = account.house_account.offers_persist
    return offered and standing_records.stands(walk, entry["ascii"], entry["wildcard"])
