"""The same proxy before another real CA: what an ACME server of other habits does to us when it misbehaves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
import time_machine
from django.utils import timezone

from certificates.connection import connect
from certificates.connectors.base import Identifier
from certificates.connectors.problems import AlreadyReplaced
from certificates.models import Certificate
from sandbox.faults import misdeeds
from sandbox.faults.exchange import Reply, Request
from tests.contracts.ca import running_acme2certifier
from tests.faults.ca import SpoiltCa, before, known, lasting, strike
from tests.faults.desk import FaultDesk, business, desk_at
from tests.faults.seen import NOTHING, Seen, assert_seen

pytestmark = [pytest.mark.django_db, pytest.mark.town]


def each_once(request: Request, reply: Reply) -> Reply:
    """As it is set up here this CA sends its issuer twice, which our chain check refuses for another reason than faults."""
    if request.kind != "certificate":
        return lasting(request, reply)
    blocks = re.findall(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n?", reply.body, re.DOTALL)
    return replace(reply, body=b"".join(dict.fromkeys(blocks)))


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SpoiltCa]:
    folder = tmp_path_factory.mktemp("acme2certifier")
    with running_acme2certifier(folder) as server:
        own = folder / "proxy"
        own.mkdir()
        with before(server, own, amend=each_once) as spoilt:
            yield spoilt


@pytest.fixture
def desk(db, ca: SpoiltCa) -> Iterator[FaultDesk]:
    with time_machine.travel(timezone.now(), tick=True) as clock:
        yield desk_at(ca, clock, terms_agreed_at=timezone.now(), contact="certificates@hoster.example")
    ca.heal()


RULES = {
    # Nothing to be seen: they are repeated at once.
    "bad nonces": ([known("badnonce", share=0.3)], None),
    "an HTML page in place of the order": (
        [strike("page", misdeeds.page(502), "newOrder")],
        Seen(("The CA gives answers that make no sense right now.",), ("The CA answered with HTTP status 502",), NOTHING),
    ),
    "the answer to finalize is lost": (
        [strike("lost", misdeeds.lost("middle"), "finalize")],
        Seen(("The CA cannot be reached right now.",), ("urn:chancery:error:transport",), NOTHING),
    ),
    "503 at the certificate": (
        [strike("503", misdeeds.later(503, "date", 60), "certificate")],
        Seen(("The certificate authority asked us to come back later.",), ("Closed for maintenance.",), NOTHING),
    ),
    "unknown challenges": (
        [known("unknown-challenges")], Seen(("Add this TXT record",), ("moon-phase-02 Pending",), NOTHING),
    ),
    "processing for long": (
        [known("processing")],
        Seen(("The certificate authority is making your certificate.",), ("Processing Waiting for: CA",), NOTHING),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("rules", "seen"), RULES.values(), ids=RULES.keys())
def test_it_comes_to_one_certificate(desk, alice, rules, seen):
    wanted = desk.wish(alice, "shop.example")
    desk.ca.spoil(*rules, seed=2)
    stop = desk.watch(wanted)
    order = desk.until_struck(wanted)
    stop()
    if order.waiting_for == "ca" and "failures" in (order.problem or {}):
        assert business(wanted) == desk.seen
    if seen is not None:
        assert_seen(desk, wanted, seen)
    desk.until_over(wanted)
    assert_seen(desk, wanted, Seen(("Your certificate is ready",), ("requests: ", "least 8"), NOTHING))
    assert wanted.acme_orders.count() == 1
    assert Certificate.objects.count() == 1


def test_already_replaced_keeps_its_name_on_the_way(desk, alice):
    desk.until_over(desk.wish(alice, "shop.example"))
    desk.account.refresh_from_db()
    connector = connect(desk.account)
    desk.ca.spoil(known("alreadyreplaced"))
    with pytest.raises(AlreadyReplaced) as refused:
        connector.new_order([Identifier("shop.example")], replaces="aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE")
    assert refused.value.status == 409
    assert refused.value.detail == "That certificate has been replaced already."
    assert not refused.value.may_have_acted
    assert connector.new_order([Identifier("shop.example")]).url, "only who replaces is refused"
