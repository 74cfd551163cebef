"""An account's form and pages, and what they have said."""

from __future__ import annotations

from django.urls import reverse

from audit.models import Entry
from tests.certificates.admin.test_account import filled


def address(account, name: str) -> str:
    return reverse(f"admin:certificates_caaccount_{name}", args=[account.pk])


def said(response) -> str:
    return " ".join(str(message) for message in response.context["messages"])


def stored(account, **changes):
    """The form of an account as it is stored."""
    data = filled(
        name=account.name, directory_url=account.directory_url, roots_pem=account.roots_pem, contact=account.contact,
        terms_agreed="on" if account.terms_agreed_at else "", preferred_root="",
    )  # fmt: skip
    return data | changes


def names(account) -> list[str]:
    rows = Entry.objects.filter(object_id=str(account.pk), action__startswith="ca_account:").order_by("pk")
    return [entry.action.removeprefix("ca_account:") for entry in rows]
