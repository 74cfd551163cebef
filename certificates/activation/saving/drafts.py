"""What was typed but not accepted yet, kept so that a person can leave and come back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from certificates import pasted
from certificates.activation import steps
from certificates.csr import MAX_BYTES
from certificates.csr_problems import UnacceptableCSR
from certificates.models import Activation

LONGEST = 2000  # characters of one field; nothing that a form accepts is longer, the CSR apart


@sensitive_variables()
def keep(
    activation: Activation,
    step: steps.Step,
    typed: Mapping[str, str],
    fields: Iterable[str],
    *,
    since: str | None = None,
) -> None:
    """Store what stands in the fields of one step; private keys must have been taken out. Raises TooLate.

    `since` is the step's version (`Step.version`) that the typing began from: a browser's draft that arrives after
    the step itself was saved says nothing new and is dropped.
    """
    draft = {field: _storable(field, str(typed.get(field, ""))) for field in fields}
    with transaction.atomic():
        row = steps.locked(activation)
        if since is not None and since != step.version(row):
            return
        if row.drafts.get(step.slug) != draft:
            row.drafts = row.drafts | {step.slug: draft}
            row.save(update_fields=["drafts"])
    activation.drafts = row.drafts


def without(activation: Activation, step: steps.Step) -> dict[str, dict[str, str]]:
    """Return the drafts of the other steps: this one was accepted."""
    return {slug: draft for slug, draft in activation.drafts.items() if slug != step.slug}


def _storable(field: str, text: str) -> str:
    """The text as a database can hold it; nothing where it is no CSR, for it may then be anything, a damaged key too."""
    text = text.replace("\x00", "")
    if field != "csr":
        return text[:LONGEST]
    try:
        pasted.request_der(text, max_bytes=MAX_BYTES)
    except UnacceptableCSR:
        return ""
    return text
