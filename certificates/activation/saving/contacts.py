"""Saving step 2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from certificates.activation import steps
from certificates.activation.forms.contacts import ADMIN_FIELDS, TECH_FIELDS
from certificates.activation.saving import Author, drafts
from certificates.activation.saving.story import note
from certificates.models import Activation


def save(activation: Activation, cleaned: Mapping[str, Any], author: Author) -> None:
    """Store both contacts; a technical contact typed earlier stays while it is the administrator. Raises TooLate."""
    same = bool(cleaned["tech_same"])
    written = ADMIN_FIELDS if same else (*ADMIN_FIELDS, *TECH_FIELDS)
    with transaction.atomic():
        row = steps.locked(activation)
        for field in written:
            setattr(row, field, cleaned[field])
        row.tech_same = same
        row.contacts_done_at = author.now
        row.drafts = drafts.without(row, steps.CONTACTS)
        row.save(update_fields=[*written, "tech_same", "contacts_done_at", "drafts"])
        note(row, author, step=steps.CONTACTS.slug, tech_same=same)
