"""Saving step 1. Other names or another CSR mean another certificate: a running request is withdrawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.db import transaction

from certificates import issuance
from certificates.activation import steps
from certificates.activation.saving import Author, drafts
from certificates.activation.saving.story import note
from certificates.csr import CsrReport
from certificates.models import Activation, ActivationName, Issuance
from identifiers.names import Name
from validation.models.authorization import Method

Source = Activation.CsrSource


@dataclass(frozen=True)
class Choice:
    """What step 1 says: `names` with the common name first; `report` of the pasted CSR, or the key type and subject for ours."""

    names: Sequence[Name]
    report: CsrReport | None = None
    key_type: str = ""
    subject: dict[str, str] = field(default_factory=dict)

    @property
    def source(self) -> str:
        return Source.PASTED.value if self.report is not None else Source.GENERATED.value

    def columns(self) -> dict[str, str]:
        """Return the columns this choice fills; those of the other half keep what they hold."""
        shared = {"csr_source": self.source, "common_name": self.names[0].text}
        if self.report is not None:
            return shared | {"csr_pem": pem_of(self.report)}
        return shared | {"key_type": self.key_type, **self.subject}


def pem_of(report: CsrReport) -> str:
    """The CSR as PEM with the usual header, whatever it was pasted as."""
    return x509.load_der_x509_csr(report.der).public_bytes(Encoding.PEM).decode("ascii")


def save(activation: Activation, choice: Choice, author: Author) -> bool:
    """Store step 1; True when a running request had to be withdrawn for it. Raises TooLate and NotPossible."""
    with transaction.atomic():
        row = steps.locked(activation)
        changed = _write(row, choice, author)
        withdrawn = changed and _withdraw(row, author)
        note(
            row, author, step=steps.CSR.slug, source=choice.source, names=[name.text for name in choice.names]
        )
    return withdrawn


def _write(row: Activation, choice: Choice, author: Author) -> bool:
    """Write the columns and names; True when the certificate to come is another one."""
    columns = choice.columns()
    changed = any(getattr(row, column) != value for column, value in columns.items())
    before = [Name(name.ascii, name.wildcard) for name in row.names.all()]
    for column, value in columns.items():
        setattr(row, column, value)
    row.csr_done_at = author.now
    row.drafts = drafts.without(row, steps.CSR)
    if before != list(choice.names) and not _replace_names(row, choice.names):
        row.methods_done_at = None
    same_names = set(before) == set(choice.names)
    row.save()
    return changed or not same_names


def _replace_names(row: Activation, names: Sequence[Name]) -> bool:
    """Put these names in place of the old ones, each with the method it had; True when none is left without."""
    kept = {Name(name.ascii, name.wildcard): name for name in row.names.all()}
    methods = {name: before.method for name, before in kept.items()}
    shared = {method for name, method in methods.items() if not name.wildcard}
    usual = shared.pop() if len(shared) == 1 else ""
    # Who is asked by mail was chosen for the names that were there: others begin with a choice.
    usual = "" if usual == Method.EMAIL else usual
    new = [
        ActivationName(
            activation=row,
            ascii=name.ascii,
            wildcard=name.wildcard,
            method=methods.get(name)
            or (Method.DNS.value if name.wildcard and any(methods.values()) else usual),
            approver=kept[name].approver if name in kept else "",
            approver_domain=kept[name].approver_domain if name in kept else "",
            position=position,
        )
        for position, name in enumerate(names)
    ]
    ActivationName.objects.filter(activation=row).delete()
    ActivationName.objects.bulk_create(new)
    return all(name.method for name in new)


def _withdraw(row: Activation, author: Author) -> bool:
    running = Issuance.objects.filter(plan_id=row.plan_id, state=Issuance.State.WANTED).first()
    row.finished_at = None
    row.save(update_fields=["finished_at"])
    if running is None:
        return False
    issuance.withdraw(running, by=author.user, now=author.now)
    return True
