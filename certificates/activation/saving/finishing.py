"""`Finish`: the configured plan asks for its certificate."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from audit.vocabulary import Action
from certificates import issuance
from certificates.activation import steps
from certificates.activation.saving import Author
from certificates.activation.saving.story import note
from certificates.issuance import NotReady
from certificates.models import Activation, Issuance

# Every request opens an order at the CA, and CAs count those against the whole portal.
MOST_REQUESTS = 20
WITHIN = timedelta(hours=24)


def finish(activation: Activation, author: Author) -> Issuance:
    """Ask for the certificate that the activation describes; pressed twice, the running request is returned.

    Where only methods changed, the running request is kept and its names are shown the new way.
    Raises NotReady with the reason, TooLate after the first issue.
    """
    with transaction.atomic():
        row = steps.locked(activation)
    running = Issuance.objects.filter(plan_id=row.plan_id, state=Issuance.State.WANTED).first()
    if running is not None and _same_names(running, row):
        _take_methods(running, row, author)
        if row.finished_at is None:
            Activation.objects.filter(pk=row.pk).update(finished_at=author.now)
        return running
    if running is not None:
        issuance.withdraw(running, by=author.user, now=author.now)
    _refuse_too_many(row, author)
    wanted = issuance.request(row.plan, by=author.user, now=author.now, address=author.address)
    with transaction.atomic():
        Activation.objects.filter(pk=row.pk).update(finished_at=author.now)
        note(row, author, Action.ACTIVATION_FINISHED, names=wanted.texts, issuance=str(wanted.pk))
    return wanted


def _same_names(running: Issuance, row: Activation) -> bool:
    return set(running.texts) == {name.text for name in row.names.all()}


def _take_methods(running: Issuance, row: Activation, author: Author) -> None:
    names = {name.text: name for name in row.names.all()}
    for text, entry in zip(running.texts, list(running.names), strict=True):
        name = names[text]
        approver = (name.approver, name.approver_domain)
        asked = (entry.get("approver", ""), entry.get("approver_domain", ""))
        if name.method != entry["method"] or approver != asked:
            issuance.change_method(
                running, text, name.method, by=author.user, now=author.now, approver=approver
            )


def _refuse_too_many(row: Activation, author: Author) -> None:
    recent = Issuance.objects.filter(plan_id=row.plan_id, created_at__gt=author.now - WITHIN).count()
    if recent >= MOST_REQUESTS:
        raise NotReady(
            _(
                "This certificate was requested %(count)d times within a day. Wait until tomorrow, or write to our support: "
                "we gladly look at it together."
            )
            % {"count": recent}
        )
