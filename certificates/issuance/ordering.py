"""newOrder and what it answers: one bare POST, and the order's URL before anything else (RFC 8555 §7.4)."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from audit.vocabulary import Action
from certificates.connectors.base import Identifier, OrderFacts, OrderStatus
from certificates.connectors.problems import CaError
from certificates.issuance import (
    closing,
    failing,
    holding,
    profiling,
    replacing,
    sharing,
    slots,
    telling,
    uses,
    waits,
)
from certificates.issuance.opening import open_authorizations
from certificates.issuance.problems import ours
from certificates.issuance.walk import Done, Walk
from certificates.models import AcmeOrder

MOST_PAGES = 5
MOST_LOOKED_AT = 50


def new_order(walk: Walk) -> Done | None:
    """One bare POST; its answer's URL is committed before anything else is asked."""
    if not walk.slot_taken:
        adopted = adopt(walk)
        if adopted is not None:
            return keep_order(walk, adopted)
        slots.send_again(walk)
    names, profile = wanted_identifiers(walk), walk.order.profile or None
    try:
        facts = walk.ca.new_order(names, profile=profile, replaces=replacing.told(walk))
    except CaError as error:
        if not error.may_have_acted:
            # Refused for certain: there is nothing to look for at the next try.
            slots.give_slot_back(walk)
        holding.refused(walk, error)
        if profiling.is_refused(error):
            return profiling.refused(walk, error)
        if not replacing.is_refused(walk, error):
            raise
        # The limits are asked once more too: only an order that replaces another is exempt from them.
        replacing.give_up(walk, error)
        return None
    holding.taken(walk)
    return keep_order(walk, facts)


def wanted_identifiers(walk: Walk) -> list[Identifier]:
    return [Identifier(name.text, "ip" if name.is_ip else "dns") for name in walk.names]


def adopt(walk: Walk) -> OrderFacts | None:
    """Find the order that an earlier newOrder may have made before its answer was lost, where the CA lists orders.

    A CA without a list mostly returns the same order for the same names anyway; the worst case is one orphan.
    """
    account = walk.ca.account()
    if account.orders_url is None:
        return None
    wanted = {identifier.value for identifier in wanted_identifiers(walk)}
    left = MOST_LOOKED_AT
    for url in walk.ca.orders(account, max_pages=MOST_PAGES):
        if left and not AcmeOrder.objects.filter(url=url).exists():
            left -= 1
            walk.keep_hold()
            facts = walk.ca.order(url)
            same = {identifier.value for identifier in facts.identifiers} == wanted
            if same and facts.status in {OrderStatus.PENDING, OrderStatus.READY}:
                return facts
    return None


def keep_order(walk: Walk, facts: OrderFacts) -> Done | None:
    """Commit the URL. A CA may answer with an order that it has made before, for us or for another customer."""
    try:
        with transaction.atomic():
            _write(walk, facts)
    except IntegrityError:
        return met(walk, facts)
    walk.begin_without()
    return None


def _write(walk: Walk, facts: OrderFacts) -> None:
    """Raises IntegrityError when another row has this URL."""
    walk.order.write(
        url=facts.url,
        status=_status(facts),
        authorization_urls=list(facts.authorization_urls),
        finalize_url=facts.finalize_url or "",
        certificate_url=facts.certificate_url or "",
        expires_at=facts.expires,
        tries=0,
        problem=None,
    )
    walk.note(Action.CA_ORDERED, url=facts.url, account=walk.order.account.name, attempt=walk.order.attempt)
    if walk.profile_left_out:
        walk.note(Action.PROFILE_LEFT_OUT, profile=walk.profile_left_out)


def _status(facts: OrderFacts) -> str:
    return AcmeOrder.Status.PENDING if facts.status is OrderStatus.UNKNOWN else facts.status.value


def met(walk: Walk, facts: OrderFacts) -> Done | None:
    """The CA's order belongs to another row. One that is under way is left alone, an ended one stands in nobody's way."""
    order = walk.order
    holder = AcmeOrder.objects.select_related("issuance__plan").filter(url=facts.url).first()
    if holder is None:
        return sharing.wait(walk, waits.NAME_SOON_FREE)
    if holder.ended_at is None:
        soon = holder.issuance.state != holder.issuance.State.WANTED
        return sharing.wait(walk, waits.NAME_SOON_FREE if soon else waits.NAME_BUSY)
    mine = holder.issuance.plan.owner_id == walk.owner.pk
    if mine and facts.status in {OrderStatus.PENDING, OrderStatus.READY}:
        with transaction.atomic():
            AcmeOrder.objects.filter(pk=holder.pk, url=facts.url).update(url=None)
            _write(walk, facts)
        return None
    urls = facts.authorization_urls or walk.ca.order(facts.url).authorization_urls
    for url in urls:
        walk.keep_hold()
        sharing.close(walk, url)
    with transaction.atomic():
        uses.release(walk)
        order.write(intent_at=None)
    problem = ours(
        "stale_order", "The CA answered with an order that has ended; we ask for another.", walk.now
    )
    return failing.again(walk, problem, None)


def fetch_authorizations(walk: Walk) -> Done | None:
    """Read each authorization once and open its row; what arrives `valid` must be this customer's own."""
    order = walk.order
    if not order.authorization_urls:
        facts = walk.ca.order(order.url or "")
        order.write(authorization_urls=list(facts.authorization_urls), finalize_url=facts.finalize_url or "")
        if not order.authorization_urls:
            return closing.start_afresh(
                walk, ours("empty_order", "The CA sent an order without authorizations.", walk.now)
            )
    done = open_authorizations(walk)
    if done is None and order.status == AcmeOrder.Status.PENDING:
        order.keep(waiting_for=AcmeOrder.WaitingFor.CUSTOMER)
        telling.new_values(walk)
    return done
