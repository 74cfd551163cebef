"""Saving step 3, and one name's method from step 4."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction

from certificates.activation import steps
from certificates.activation.saving import Author
from certificates.activation.saving.story import note
from certificates.models import Activation, ActivationName
from validation.models.authorization import Method


def save(
    activation: Activation,
    chosen: Mapping[int, str],
    author: Author,
    approvers: Mapping[int, tuple[str, str]] | None = None,
) -> None:
    """Store a method by the primary key of its name; the step is complete once every name has one. Raises TooLate.

    `approvers` are address and domain of who is asked about the names that are shown by Email.
    """
    asked = approvers or {}
    with transaction.atomic():
        row = steps.locked(activation)
        names = list(row.names.all())
        for name in names:
            name.method = chosen.get(name.pk, name.method)
            if name.pk in chosen:
                name.approver, name.approver_domain = asked.get(name.pk, ("", ""))
        ActivationName.objects.bulk_update(names, ["method", "approver", "approver_domain"])
        row.methods_done_at = author.now if all(_is_complete(name) for name in names) else None
        row.save(update_fields=["methods_done_at"])
        note(row, author, step=steps.METHODS.slug, methods={name.text: name.method for name in names})


def _is_complete(name: ActivationName) -> bool:
    return bool(name.method) and (name.method != Method.EMAIL or bool(name.approver))
