"""The fault matrix: each thing a CA may do wrong, what our rows say then, when we look again, and what people read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Letter
from certificates import issuance
from certificates.models import AcmeOrder, Certificate, Issuance
from certificates.standing import Headline
from sandbox.faults import misdeeds
from sandbox.faults.exchange import ACME
from sandbox.faults.plan import Rule
from tests.certificates.issuance.desk import newest
from tests.faults.ca import known, strike
from tests.faults.seen import NOTHING, Seen, assert_seen
from validation.models import Authorization

pytestmark = [pytest.mark.django_db, pytest.mark.town]

Seconds = tuple[float, float]

OPENING = "We are opening the order at the certificate authority."
STAFF = "Something at the certificate authority needs our staff. You need not do anything."
PUBLISH = "Publish the record or file for each name. We keep looking and go on by ourselves."
LOOKING = "The certificate authority is looking at your names now."
MAKING = "The certificate authority is making your certificate."
CORRECT = "The certificate authority did not find what it looked for. Correct it, then try again."
TROUBLE = "The certificate authority does not answer as it should right now. We try again by ourselves."
CANNOT = "The certificate authority cannot take the order right now. We try again by ourselves."
IN_A_MOMENT = "What to publish appears here in a moment."
NEVER = "The certificate authority will not issue for these names. Change them, or contact support."

HOUR: Seconds = (3590, 3601)
AT_ONCE: Seconds = (-1, 1)
BACK_OFF: Seconds = (1.5, 3)
SOON: Seconds = (0, 12)

MOON = {"type": "urn:ca.example:moonPhase", "detail": "The moon is waning.", "status": 403}


def validation(typ: str, **rest: Any) -> Rule:
    """The CA looked, and found this."""
    error = {"type": typ if ":" in typ else ACME + typ, "detail": "It was said so.", "status": 403, **rest}
    kinds = frozenset({"authorization", "order"})
    return Rule(typ, misdeeds.failed(error), kinds, clings=True, begins=frozenset({"order"}))


def refused(kind: str, typ: str, status: int = 403, **rest: Any) -> Rule:
    return strike(typ, misdeeds.refusal(typ, status, rest.pop("detail", "It was said so."), **rest), kind)


def refused_for_good(kind: str, typ: str, status: int) -> Rule:
    return strike(typ, misdeeds.refusal(typ, status, "It was said so."), kind, times=None)


@dataclass(frozen=True)
class Row:
    """`outcome` is design §4's word; `orders` are (status, waiting for) in their order right after the fault.

    We look again in `looks` seconds (None: not before somebody acts). The customer reads `headline`, `sentence` and
    `page`, support reads `story` on the plan's page and finds the plan under `stuck` on the first one, with `line`.
    `cure` is what ends it: itself, resume, try again, or "" where nothing does; then there were `attempts` orders.
    """

    name: str
    rule: Rule
    outcome: str
    orders: tuple[tuple[str, str], ...]
    looks: Seconds | None
    headline: Headline
    sentence: str
    page: str
    story: tuple[str, ...]
    stuck: str = NOTHING
    line: tuple[str, ...] = ()
    letters: tuple[str, ...] = ()
    paused: bool = False
    cure: str = "itself"
    attempts: int = 1
    strikes: int = 1
    seen: Seen = field(init=False)

    def __post_init__(self) -> None:
        seen = Seen((self.sentence, self.page), self.story, self.stuck, self.line)
        object.__setattr__(self, "seen", seen)


def afresh(name: str, rule: Rule, strikes: int, **more: Any) -> Row:
    """The order is of no use and nobody's fault: the next one is opened at once, with the same key and CSR."""
    return Row(
        name, rule, "afresh", (("invalid", ""), ("pending", "us")), AT_ONCE, Headline.CHECKING, OPENING,
        page=IN_A_MOMENT, story=("The CA closed the order without a reason.",), attempts=2, strikes=strikes, **more,
    )  # fmt: skip


def customers(name: str, rule: Rule, page: str, *story: str, strikes: int = 3) -> Row:
    """The CA's verdict: the customer is told once, and by mail, and may try again with the same key and CSR."""
    return Row(
        name, rule, "customer", (("invalid", "customer"),), None, Headline.WAITING_FOR_YOU, CORRECT, page=page,
        story=story, stuck="The CA looked and said no", letters=("validation_failed",), cure="try again", attempts=2, strikes=strikes,
    )  # fmt: skip


def operators(name: str, rule: Rule, status: str, *story: str, **more: Any) -> Row:
    """Somebody of us must look; it is tried again every hour all the same."""
    return Row(
        name, rule, "operator", ((status, "operator"),), HOUR, Headline.CHECKING, STAFF, "We look again in", story,
        **{"stuck": "Waiting for an operator", "line": story, **more},
    )  # fmt: skip


AGREE = {
    "detail": "The terms have changed.",
    "instance": "https://ca.example/agree",
    "headers": {"Link": '<https://ca.example/terms>;rel="terms-of-service"'},
}
PAUSES = {
    "paused": True,
    "line": ("The terms have changed.", "https://ca.example/agree"),
    "cure": "resume",
    "stuck": "CAs that are paused",
}
NAMELESS = [{"type": f"{ACME}rejectedIdentifier", "detail": "Not this one.", "identifier": {"type": "dns", "value": "shop.example"}}]  # fmt: skip

ROWS = [
    # An authorization that ends by itself, without an error that anybody could act on.
    afresh("authorization expired", known("expired"), 3),
    afresh("authorization deactivated", known("deactivated"), 3),
    afresh("authorization revoked", known("revoked"), 3),
    afresh("authorization invalid without an error", known("invalid"), 3),
    # Words that nobody knows.
    Row("unknown challenge types", known("unknown-challenges"), "goes on", (("pending", "customer"),), (590, 601),
        Headline.WAITING_FOR_YOU, PUBLISH, "Add this TXT record", ("moon-phase-02 Pending",)),
    Row("unknown status of a new order", strike("odd", misdeeds.odd_status, "newOrder"), "goes on",
        (("pending", "customer"),), (590, 601), Headline.WAITING_FOR_YOU, PUBLISH, "Add this TXT record",
        ("Pending Waiting for: Customer",)),
    Row("unknown status of an authorization", strike("odd", misdeeds.odd_status, "authorization"), "goes on",
        (("pending", "customer"),), (590, 601), Headline.WAITING_FOR_YOU, PUBLISH, "Add this TXT record",
        ("Pending Waiting for: Customer",)),
    Row("unknown status of an order", strike("odd", misdeeds.odd_status, "order", times=5), "poll",
        (("pending", "ca"),), SOON, Headline.CHECKING, LOOKING, "Certificate authority asked to look : done",
        ("Pending Waiting for: CA", "2 failed tries"), strikes=2),
    Row("unknown status after finalize", strike("odd", misdeeds.odd_status, "finalize"), "poll",
        (("ready", "ca"),), SOON, Headline.ISSUING, MAKING, "CSR sent : done", ("Ready Waiting for: CA", "1 failed try")),
    operators("unknown problem at newOrder", refused("newOrder", MOON["type"], detail=MOON["detail"]), "pending",
              "The moon is waning.", "urn:ca.example:moonPhase", line=("The moon is waning.",)),
    operators("unknown problem at finalize", refused("finalize", MOON["type"], detail=MOON["detail"]), "ready",
              "The moon is waning."),
    customers("unknown problem of a validation", validation(MOON["type"], detail=MOON["detail"]),
              "The moon is waning.", "The moon is waning.", "urn:ca.example:moonPhase"),
    # The account.
    operators("userActionRequired at newOrder", refused("newOrder", "userActionRequired", **AGREE), "pending",
              "The terms have changed.", "https://ca.example/agree", **PAUSES),
    operators("userActionRequired at finalize", refused("finalize", "userActionRequired", **AGREE), "ready",
              "The terms have changed.", "https://ca.example/agree", **PAUSES),
    Row("accountDoesNotExist at newOrder", refused("newOrder", "accountDoesNotExist", 400), "back-off",
        (("pending", "ca"),), BACK_OFF, Headline.CHECKING, TROUBLE,
        "The CA no longer knows our account. We open it again by ourselves.", ("accountDoesNotExist", "It was said so.")),
    Row("accountDoesNotExist of an order under way", refused("order", "accountDoesNotExist", 400), "afresh",
        (("invalid", ""), ("pending", "us")), AT_ONCE, Headline.CHECKING, OPENING, IN_A_MOMENT,
        ("accountDoesNotExist", "It was said so."), attempts=2),
    # Several reasons at once, RFC 8555 §6.7.1.
    customers("subproblems of a validation", known("subproblems"),
              "shop.example: A CAA record of your domain forbids this CA to issue.",
              "CAA forbids issuance.", "SERVFAIL looking up TXT."),
    customers("subproblems at newOrder that the customer can mend",
              refused("newOrder", "compound", subproblems=[{**NAMELESS[0], "type": f"{ACME}caa"}]),
              "shop.example: A CAA record of your domain forbids this CA to issue.", "Not this one.", strikes=1),
    Row("subproblems at newOrder that nobody can mend", refused("newOrder", "malformed", 400, subproblems=NAMELESS),
        "final", (("invalid", "operator"),), None, Headline.SETUP_NEEDED, NEVER, "Continue setup", ("Not this one.",),
        stuck="Refused by the CA", letters=("certificate_refused",), cure=""),
    # The CA's own trouble inside a validation, and its slowness.
    Row("serverInternal of a validation", validation("serverInternal"), "afresh, later",
        (("invalid", ""), ("pending", "us")), (59, 67), Headline.CHECKING, CANNOT,
        "The CA has a problem of its own right now. Nothing is wrong on your side.", ("serverInternal", "It was said so."),
        attempts=2, strikes=3),
    Row("rateLimited inside a validation", validation("rateLimited"), "afresh, later",
        (("invalid", ""), ("pending", "us")), (59, 67), Headline.CHECKING, CANNOT,
        "The CA has had too many requests for this domain lately.", ("rateLimited", "It was said so."), attempts=2, strikes=3),
    Row("processing for long", known("processing", each=20), "poll", (("processing", "ca"),), (0.5, 3),
        Headline.ISSUING, MAKING, "CSR sent : done", ("Processing Waiting for: CA",), strikes=3),
    Row("every nonce refused", strike("badnonce", misdeeds.bad_nonce, "newOrder", times=10), "now, then back-off",
        (("pending", "ca"),), BACK_OFF, Headline.CHECKING, TROUBLE,
        "The CA gives answers that make no sense right now. We try again by ourselves.", ("The nonce is not known here.",), strikes=10),
]  # fmt: skip


@pytest.fixture(params=ROWS, ids=lambda row: row.name)
def row(request: pytest.FixtureRequest) -> Row:
    return request.param


def test_the_matrix(desk, alice, row):
    wanted = desk.wish(alice, "shop.example")
    desk.ca.spoil(row.rule)
    order = desk.until_struck(wanted, row.strikes)

    orders = wanted.acme_orders.order_by("attempt")
    assert tuple(orders.values_list("status", "waiting_for")) == row.orders
    assert_looks(order, row, desk.now)
    desk.account.refresh_from_db()
    assert (desk.account.paused_at is not None) == row.paused
    assert wanted.state == ("failed" if row.outcome == "final" else "wanted")
    assert tuple(Letter.objects.values_list("kind", flat=True)) == row.letters

    standing = desk.standing(wanted)
    assert (standing.slug, standing.sentence) == (row.headline, row.sentence)
    read = assert_seen(desk, wanted, row.seen)
    if row.outcome == "operator":
        assert row.story[0] not in read, "what a CA says of our account is not the customer's to act on"
    desk.check()

    desk.ca.heal()
    key, csr = wanted.key_id, bytes(wanted.csr or b"")
    if not cured(desk, wanted, row.cure):
        return
    desk.until_over(wanted)
    wanted.refresh_from_db()
    assert key is None or (wanted.key_id, bytes(wanted.csr)) == (key, csr), "the same key and CSR throughout"
    assert wanted.acme_orders.count() == row.attempts
    assert Certificate.objects.count() == 1
    assert Letter.objects.filter(kind="certificate_issued").count() == 1
    # Who had published already has to publish anew, and learns it although the page may be closed.
    again = Letter.objects.filter(kind="publish_again", to="alice@example.org").count()
    assert again == (row.outcome.startswith("afresh") and not kept_its_proof(wanted))


def kept_its_proof(wanted: Issuance) -> bool:
    """True if the CA gave the newest order what an earlier one had shown: Pebble does so once in a hundred, told never to."""
    order = newest(wanted)
    # From the orders' own manager both conditions would have to hold for one and the same order.
    earlier = wanted.acme_orders.exclude(pk=order.pk)
    return Authorization.objects.filter(acme_orders=order).filter(acme_orders__in=earlier).exists()


def assert_looks(order: AcmeOrder, row: Row, now: Any) -> None:
    if row.looks is None:
        assert order.due_at is None
        return
    least, most = row.looks
    assert least <= (order.due_at - now).total_seconds() <= most


def cured(desk, wanted, cure: str) -> bool:
    """Do what ends the trouble; False where nothing does."""
    if cure == "resume":
        assert desk.account.resume()
        AcmeOrder.objects.open().filter(account=desk.account).wake(desk.now)  # as the admin's button does
    if cure == "try again":
        issuance.try_again(wanted, by=wanted.plan.owner, now=timezone.now())
    return bool(cure)


LASTING = {
    "unknown status of an order": (strike("odd", misdeeds.odd_status, "order", times=None), ("is still looking at the names.",)),
    "unknown status after finalize": (
        strike("odd", misdeeds.odd_status, "finalize", "order", times=None, begins=frozenset({"finalize"}), clings=True),
        ("is still making the certificate.",),
    ),
    "processing for long": (known("processing", each=None), ("is still making the certificate.",)),
    "accountDoesNotExist at newOrder": (
        refused_for_good("newOrder", "accountDoesNotExist", 400), ("The CA no longer knows our account.", "It was said so."),
    ),
    "every nonce refused": (
        strike("badnonce", misdeeds.bad_nonce, "newOrder", times=None), ("The nonce is not known here.",),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("rule", "line"), LASTING.values(), ids=LASTING.keys())
def test_what_lasts_for_longer_than_it_may_is_on_the_board_with_what_the_ca_says(desk, alice, rule, line):
    wanted = desk.wish(alice, "shop.example")
    desk.ca.spoil(rule)
    desk.until_struck(wanted)
    desk.run(timedelta(minutes=11))
    assert not Certificate.objects.exists(), "it did not last"
    assert_seen(desk, wanted, Seen(("by ourselves",), ("Who must act",), "Waiting for the CA", line))


@pytest.mark.parametrize(
    ("typ", "line"),
    [
        ("serverInternal", "The CA has trouble on its own side."),
        ("rateLimited", "A limit of the CA is reached."),
    ],
)
def test_a_ca_that_fails_at_every_validation_becomes_an_operators(desk, alice, typ, line):
    wanted = desk.wish(alice, "shop.example")
    desk.ca.spoil(replace(validation(typ), times=None))
    desk.run(timedelta(hours=12), until=lambda: newest(wanted).waiting_for == "operator")
    seen = Seen(
        (STAFF,), (f"urn:ietf:params:acme:error:{typ}",), "Waiting for an operator", (line, "It was said so.")
    )
    assert_seen(desk, wanted, seen)
