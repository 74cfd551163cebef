"""When two orders meet at one order or authorization of the CA: who waits, and what is closed (design §5.1)."""

from __future__ import annotations

from datetime import timedelta

from django.utils.translation import gettext as _

from certificates.connectors.base import AuthorizationStatus
from certificates.connectors.problems import CaError, RetryAt, TryAgain
from certificates.held_up import UNSEEN
from certificates.issuance import closing, found_valid, operators, waits
from certificates.issuance.problems import ours
from certificates.issuance.walk import Done, Walk
from certificates.models import AcmeOrder
from validation.models import Authorization


def wait(walk: Walk, pause: timedelta) -> Done:
    """Another order of this account holds the name: wait for its end, so that no customer inherits another's proof."""
    text = _(
        "Another order for one of these names is under way at the certificate authority. We try again by ourselves."
    )
    return Done(
        walk.now + pause,
        waiting_for=AcmeOrder.WaitingFor.CA,
        problem=ours("name_busy", text, walk.now),
        # The answer is known: nothing was lost that would have to be looked for.
        intent_at=None,
    )


def is_busy(walk: Walk, row: Authorization) -> bool:
    """True while an order of the other customer, whose authorization this is, needs it and has not been idle for long."""
    return AcmeOrder.objects.open().needing(row).exists() and not _idle(walk, row)


def _idle(walk: Walk, row: Authorization) -> bool:
    """True if its customer has shown nothing for so long that others need no longer wait."""
    untouched = row.shown_at is None and row.insisted_at is None
    answered = row.challenges.filter(answered_at__isnull=False).exists()
    return untouched and not answered and walk.now - row.created_at > waits.NAME_HELD


def afresh_without(walk: Walk, urls: list[str], names: list[str]) -> Done:
    """Deactivate these authorizations, all at once, and order anew: the CA then has to open others."""
    problem = found_valid.why_refused(walk, names)
    is_unseen = problem["type"] == UNSEEN
    kept = False
    for url in urls:
        walk.keep_hold()
        kept = not close(walk, url) or kept
    if kept and is_unseen:
        return Done(walk.now + waits.UNSEEN, waiting_for=AcmeOrder.WaitingFor.CUSTOMER, problem=problem)
    if kept:
        # This CA keeps what others have proven: only an operator can settle whose name it is.
        return operators.needs_operator(walk, problem)
    # The next order too would find the name valid: not at once, and not for ever.
    again = is_unseen and found_valid.was_refused_before(walk)
    return closing.start_afresh(walk, problem, waits.UNSEEN if again else timedelta(0))


def afresh_to_show(walk: Walk, names: list[str]) -> Done:
    """What this customer has no current proof for is closed at the CA, valid or not; the next order has to show it."""
    for row in walk.authorizations():
        if row.text in names:
            walk.keep_hold()
            close(walk, row.url)
    problem = ours("control_missing", f"No current proof for {', '.join(names)}", walk.now)
    return closing.start_afresh(walk, problem)


def close(walk: Walk, url: str) -> bool:
    """Deactivate an authorization whoever opened it; False when the CA keeps it valid. Raises TryAgain, RetryAt."""
    # What led here is committed first: the CA's state is about to change.
    walk.order.flush()
    try:
        status = walk.ca.deactivate_authorization(url).status
    except (TryAgain, RetryAt):
        raise
    except CaError:
        # Refused: mostly because it has ended by itself meanwhile.
        status = walk.ca.authorization(url).status
    if status is AuthorizationStatus.VALID:
        return False
    Authorization.objects.filter(url=url).update(
        status=Authorization.Status.DEACTIVATED, due_at=None, lease_until=None
    )
    return True
