"""Who may be asked about a domain, as a page looks it up: others' servers are asked, so not at every press of a key."""

from __future__ import annotations

from django.http import HttpRequest

from accounts import limiting
from certificates.activation.emailing import found_for, not_looked, remembered_for
from validation.approval.recipients import Found


def approvers_of(request: HttpRequest, domain: str) -> Found:
    """Return what is remembered, else what is found now; to a user who has looked too often, that nobody answers."""
    known = remembered_for(domain)
    if known is not None:
        return known
    return found_for(domain) if limiting.may(request, "approvers") else not_looked(domain)
