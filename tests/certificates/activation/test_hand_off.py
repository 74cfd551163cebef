"""The link for whoever publishes: what it shows, what it hides, when it ends."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from audit.models import Entry
from certificates import issuance
from certificates.activation import handing_off
from certificates.models import Issuance
from tests.certificates.activation.at_the_ca import open_order, rest, set_up_once
from validation.models import Approval, Authorization

pytestmark = pytest.mark.django_db


@pytest.fixture
def waiting(wizard_for):
    """A request that waits for two records."""
    wizard = wizard_for("shop.example", "www.other.example")
    wizard.walk("shop.example", "www.other.example")
    open_order(wizard)
    return wizard


def made(wizard):
    wizard.post("activation-hand-off")
    return handing_off.link_of(wizard.running, timezone.now()).removeprefix(settings.PORTAL_URL)


def test_the_buyer_makes_it_and_copies_it_from_step_4(waiting):
    assert "/publish/" not in waiting.get("activation-approve").content.decode()
    path = made(waiting)
    page = waiting.get("activation-approve").content.decode()
    assert path in page
    assert "Withdraw the link" in page


def test_who_publishes_is_told_that_the_values_have_expired_and_who_can_go_on(waiting):
    path = made(waiting)
    rest(waiting)
    page = Client().get(path).content.decode()
    assert "once they press Continue" in page
    assert "Check now" not in page


def test_it_shows_what_to_publish_and_nothing_else(waiting):
    page = Client().get(made(waiting)).content.decode()
    for told in ("_acme-challenge.shop.example", "_acme-challenge.www.other.example", "Check now"):
        assert told in page
    order = waiting.plan.item.order
    for hidden in (
        waiting.plan.owner.email,
        "Alice Archer",
        order.number,
        str(waiting.plan.pk),
        "EUR",
        "Use HTTP instead",
        "Ask the CA",
    ):
        assert hidden not in page


def test_it_changes_nothing_but_the_time_of_the_next_look(waiting):
    path = made(waiting)
    stranger = Client()
    Authorization.objects.update(due_at=timezone.now() + timedelta(hours=1))
    before = list(Authorization.objects.values("method", "status", "insisted_at"))
    assert stranger.post(path).status_code == 405
    assert stranger.get(f"{path}check/").status_code == 405
    assert stranger.post(f"{path}check/").status_code == 302
    assert list(Authorization.objects.values("method", "status", "insisted_at")) == before
    assert all(row.due_at <= timezone.now() for row in Authorization.objects.all())


def test_check_now_is_for_patient_people(waiting):
    path, stranger = made(waiting), Client()
    stranger.post(f"{path}check/")
    asked = list(Authorization.objects.values_list("asked_at", flat=True))
    told = stranger.post(f"{path}check/", headers={"HX-Request": "true"}).content.decode()
    assert "a moment ago" in told
    assert list(Authorization.objects.values_list("asked_at", flat=True)) == asked


def test_it_is_live(waiting):
    path, anybody = made(waiting), Client()
    state = handing_off.opened(path.split("/")[2], timezone.now()).state
    assert anybody.get(f"{path}live/", {"state": state}).status_code == 204
    Authorization.objects.update(shown_at=timezone.now())
    fresh = anybody.get(f"{path}live/", {"state": state})
    assert "Everything is in place" in fresh.content.decode()


def test_a_forged_link_is_no_link(waiting):
    token = made(waiting).split("/")[2]
    payload, signature = token.split(":")
    altered = ("B" if signature[0] == "A" else "A") + signature[1:]
    for forged in (f"{payload}:{altered}", f"{payload[:-2]}xx:{signature}", payload, "none", "a:b"):
        assert Client().get(reverse("hand-off", args=[forged])).status_code == 404
    other = handing_off._signed(waiting.running, {"n": "0" * 32}, timezone.now() + timedelta(days=1))
    assert Client().get(handing_off.path_of(other)).status_code == 410


def test_withdrawn_it_is_over_and_a_second_one_replaces_the_first(waiting):
    first = made(waiting)
    second = made(waiting)
    assert first != second
    assert Client().get(first).status_code == 410
    waiting.post("activation-hand-off-withdraw")
    over = Client().get(second)
    assert over.status_code == 410
    assert "shop.example" not in over.content.decode()
    assert Client().get(f"{second}live/", headers={"HX-Request": "true"})["HX-Refresh"] == "true"


def test_it_ends_with_the_request_and_in_time(waiting, alice):
    path = made(waiting)
    with time_machine.travel(timezone.now() + timedelta(days=31), tick=False):
        assert Client().get(path).status_code == 410
    issuance.withdraw(waiting.running, by=alice, now=timezone.now())
    assert Client().get(path).status_code == 410
    assert Client().post(f"{path}check/").status_code == 410


def test_once_issued_it_says_so_to_those_whose_link_was_good(waiting):
    first = made(waiting)
    good = made(waiting)
    Issuance.objects.update(state="issued")
    told = Client().get(good)
    assert told.status_code == 200
    assert "The certificate is issued" in told.content.decode()
    assert "shop.example" not in told.content.decode()
    assert Client().get(first).status_code == 410
    assert Client().post(f"{good}check/").status_code == 200
    assert Authorization.objects.filter(asked_at__isnull=False).count() == 0


def test_only_the_buyer_makes_and_withdraws_it(waiting, bob):
    path = made(waiting)
    nonce = Issuance.objects.get().hand_off_nonce
    waiting.client.force_login(bob)
    assert waiting.post("activation-hand-off").status_code == 404
    assert waiting.post("activation-hand-off-withdraw").status_code == 404
    assert Issuance.objects.get().hand_off_nonce == nonce
    assert path.split("/")[2] not in str(list(Entry.objects.values()))
    assert nonce not in str(list(Entry.objects.values()))


def test_an_approver_sees_the_names_they_approved_only(waiting):
    now = timezone.now()
    approval = Approval.objects.create(
        owner=waiting.plan.owner, plan_id=waiting.plan.pk, domain="shop.example", names=["shop.example"],
        recipient="admin@shop.example", token_hash="0" * 64, created_at=now, expires_at=now + timedelta(days=30),
        answer="approved", answered_at=now, good_until=now + timedelta(days=200),
    )  # fmt: skip
    path = handing_off.path_for_approver(approval, now)
    page = Client().get(path).content.decode()
    assert "_acme-challenge.shop.example" in page
    assert "other.example" not in page
    Client().post(f"{path}check/")
    assert Authorization.objects.get(identifier="www.other.example").asked_at is None
    Approval.objects.update(withdrawn_at=now)
    assert Client().get(path).status_code == 410


def test_its_queries_do_not_grow_with_the_names(wizard_for):
    counts = []
    for number, names in enumerate((["a1.example"], [f"b{n}.example" for n in range(12)])):
        wizard = wizard_for(*names)
        wizard.walk(*names)
        open_order(wizard)
        path = made(wizard)
        with CaptureQueriesContext(
            connection,
        ) as seen:
            assert Client().get(path).status_code == 200
        counts.append((number, len(seen)))
    assert counts[0][1] == counts[1][1]


def test_a_name_that_proves_itself_asks_nothing_of_whoever_has_the_link(waiting):
    path = made(waiting)
    set_up_once(waiting.plan.owner)
    page = Client().get(path).content.decode()
    assert page.count("This name proves itself by what was set up once") == 1
    assert "_acme-challenge.shop.example" not in page
    assert "_acme-challenge.www.other.example" in page
    assert "Everything is in place" not in page
    set_up_once(waiting.plan.owner, name="www.other.example")
    assert "Everything is in place" in Client().get(path).content.decode()
