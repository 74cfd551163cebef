"""Saving step 3, and one name's method from step 4."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction

from certificates.activation import steps
from certificates.activation.saving import Author
from certificates.activation.saving.story import note
from certificates.models import Activation, ActivationName


def save(activation: Activation, chosen: Mapping[int, str], author: Author) -> None:
    """Store a method by the primary key of its name; the step is complete once every name has one. Raises TooLate."""
    with transaction.atomic():
        row = steps.locked(activation)
        names = list(row.names.all())
        for name in names:
            name.method = chosen.get(name.pk, name.method)
        ActivationName.objects.bulk_update(names, ["method"])
        row.methods_done_at = author.now if all(name.method for name in names) else None
        row.save(update_fields=["methods_done_at"])
        note(row, author, step=steps.METHODS.slug, methods={name.text: name.method for name in names})
