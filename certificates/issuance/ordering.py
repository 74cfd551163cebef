"""newOrder and what it answers: the order's URL first, its authorizations next (RFC 8555 §7.4, §7.5)."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from audit.vocabulary import Action
from certificates.connectors.base import (
    AuthorizationFacts,
    AuthorizationStatus,
    Identifier,
    OrderFacts,
    OrderStatus,
)
from certificates.issuance import closing, waits
from certificates.issuance.problems import ours
from certificates.issuance.walk import Done, Walk
from certificates.models import AcmeOrder
from validation import ledger
from validation.models import Authorization, Challenge
from validation.models.authorization import Method

MOST_PAGES = 5


def new_order(walk: Walk) -> Done | None:
    """One bare POST; its answer's URL is committed before anything else is asked."""
    order = walk.order
    if order.intent_at is not None:
        adopted = adopt(walk)
        if adopted is not None:
            return keep_order(walk, adopted)
    order.write(intent_at=walk.now)
    walk.hold()
    facts = walk.ca.new_order(wanted_identifiers(walk), profile=order.account.profile or None)
    return keep_order(walk, facts)


def wanted_identifiers(walk: Walk) -> list[Identifier]:
    return [Identifier(name.text) for name in walk.names]


def adopt(walk: Walk) -> OrderFacts | None:
    """Find the order that an earlier newOrder may have made before its answer was lost, where the CA lists orders.

    A CA without a list mostly returns the same order for the same names anyway; the worst case is one orphan.
    """
    account = walk.ca.account()
    if account.orders_url is None:
        return None
    wanted = {identifier.value for identifier in wanted_identifiers(walk)}
    for url in walk.ca.orders(account, max_pages=MOST_PAGES):
        if AcmeOrder.objects.filter(url=url).exists():
            continue
        facts = walk.ca.order(url)
        same = {identifier.value for identifier in facts.identifiers} == wanted
        if same and facts.status in {OrderStatus.PENDING, OrderStatus.READY}:
            return facts
    return None


def keep_order(walk: Walk, facts: OrderFacts) -> Done | None:
    """Commit the URL. The CA may answer with an order that is already another issuance's: that one is not ours to use."""
    try:
        with transaction.atomic():
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
            walk.note(
                Action.CA_ORDERED, url=facts.url, account=walk.order.account.name, attempt=walk.order.attempt
            )
    except IntegrityError:
        walk.order.url = None
        return name_is_busy(walk)
    return None


def _status(facts: OrderFacts) -> str:
    return AcmeOrder.Status.PENDING if facts.status is OrderStatus.UNKNOWN else facts.status.value


def name_is_busy(walk: Walk) -> Done:
    """Another order of this account holds the name: wait for its end, so that no customer inherits another's proof."""
    now = walk.now
    text = _(
        "Another order for one of these names is under way at the certificate authority. We try again by ourselves."
    )
    return Done(
        now + waits.NAME_BUSY,
        url=None,
        waiting_for=AcmeOrder.WaitingFor.CA,
        problem=ours("name_busy", text, now),
        authorization_urls=[],
    )


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
    known = {row.url for row in walk.authorizations()}
    for url in order.authorization_urls:
        if url not in known:
            done = open_authorization(walk, walk.ca.authorization(url))
            if done is not None:
                return done
    walk.forget()
    if order.status == AcmeOrder.Status.PENDING:
        order.write(waiting_for=AcmeOrder.WaitingFor.CUSTOMER)
    return None


def open_authorization(walk: Walk, facts: AuthorizationFacts) -> Done | None:
    """Store one authorization, or give back what another customer has proven (design §5.1)."""
    now = walk.now
    name = facts.identifier.value
    if facts.status is AuthorizationStatus.VALID and not ledger.has_control(
        walk.owner, name, facts.wildcard, now
    ):
        problem = ours("not_this_customer", f"{name} was valid at the CA without this customer's proof.", now)
        if walk.ca.deactivate_authorization(facts.url).status is AuthorizationStatus.VALID:
            # This CA keeps what others have proven: only an operator can settle whose name it is.
            return Done(now + waits.OPERATOR, waiting_for=AcmeOrder.WaitingFor.OPERATOR, problem=problem)
        return closing.start_afresh(walk, problem)
    stranger = Authorization.objects.filter(url=facts.url).exclude(owner=walk.owner).exists()
    if stranger:
        return name_is_busy(walk)
    with transaction.atomic():
        walk.hold()
        row, created = Authorization.objects.get_or_create(url=facts.url, defaults=_columns(walk, facts, now))
        if created:
            Challenge.objects.bulk_create(_challenges(walk, row, facts))
        walk.order.authorizations.add(row)
    return None


def _columns(walk: Walk, facts: AuthorizationFacts, now: datetime) -> dict[str, object]:
    pending = facts.status is AuthorizationStatus.PENDING
    return {
        "owner": walk.owner,
        "plan_id": walk.issuance.plan_id,
        "identifier": facts.identifier.value,
        "wildcard": facts.wildcard,
        "status": Authorization.Status.PENDING
        if facts.status is AuthorizationStatus.UNKNOWN
        else facts.status.value,
        "method": method_for(walk, facts.identifier.value, facts.wildcard),
        "expires_at": facts.expires,
        "created_at": now,
        "due_at": now if pending else None,
    }


def method_for(walk: Walk, ascii_name: str, wildcard: bool) -> str:
    """Return the method that the customer chose for this name. Order and count of names are the CA's, never assumed."""
    for name in walk.issuance.names:
        if name["ascii"] == ascii_name and name["wildcard"] == wildcard:
            return str(name["method"])
    return str(Method.DNS)


def _challenges(walk: Walk, row: Authorization, facts: AuthorizationFacts) -> list[Challenge]:
    return [
        Challenge(
            authorization=row,
            url=challenge.url,
            type=challenge.type[:40],
            token=challenge.token or "",
            key_authorization=walk.ca.key_authorization(challenge.token) if challenge.token else "",
            status=challenge.status.value if challenge.status.value in Challenge.Status.values else "pending",
        )
        for challenge in facts.challenges
    ]
