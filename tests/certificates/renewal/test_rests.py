"""Questions about renewals and a CA that is down: they take their turns, behind the orders that somebody waits for."""

from __future__ import annotations

from datetime import timedelta

from certificates.issuance import breaker
from certificates.models import CaAccount, RenewalInfo
from tests.certificates.connectors.rough_ca import problem
from tests.factories import UserFactory

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
BROKEN = problem("serverInternal", 500)


def row() -> CaAccount:
    return CaAccount.objects.get()


def certificates(desk, count: int) -> list:
    found = [desk.first(UserFactory(), f"n{n}.example") for n in range(count)]
    RenewalInfo.objects.update(ask_at=desk.now)
    return found


def asked(desk) -> int:
    return desk.ca.asked_for["renewalInfo"]


def test_five_questions_in_a_row_without_an_answer_trip_the_breaker(desk, account):
    found = certificates(desk, 6)
    before = asked(desk)
    desk.ca.spoil_always("renewalInfo", BROKEN)
    for certificate in found:
        desk.look(certificate)
    assert asked(desk) - before == breaker.FAILURES
    assert row().resting_until > desk.now
    last = RenewalInfo.objects.get(certificate=found[-1])
    assert last.tries == 0
    assert last.ask_at > row().resting_until, "orders find out first"


def test_when_a_rest_ends_one_question_is_asked_and_the_others_wait_for_it(desk, account):
    found = certificates(desk, 4)
    before = asked(desk)
    desk.ca.spoil_always("renewalInfo", BROKEN)
    CaAccount.objects.update(failures=7, resting_until=desk.now + 30 * SECOND)
    desk.wait(31 * SECOND)
    for certificate in found:
        desk.look(certificate)
    assert asked(desk) - before == 1
    assert row().resting_until > desk.now


def test_an_answer_after_a_rest_ends_it(desk, account):
    (certificate,) = certificates(desk, 1)
    CaAccount.objects.update(failures=5, resting_until=desk.now + 30 * SECOND)
    desk.wait(31 * SECOND)
    assert desk.look(certificate).window_start is not None
    assert (row().failures, row().resting_until) == (0, None)


def test_an_answer_ends_the_rest_but_not_the_row_of_failures_that_orders_have_counted(desk, account):
    (certificate,) = certificates(desk, 1)
    CaAccount.objects.update(failures=8, resting_until=desk.now + 30 * SECOND)
    desk.wait(31 * SECOND)
    desk.look(certificate)
    assert (row().failures, row().resting_until) == (8, None)


def test_renewal_information_that_is_down_alone_keeps_no_paid_order_out_for_long(desk, account, alice):
    found = certificates(desk, 3)
    desk.ca.spoil_always("renewalInfo", BROKEN)
    for _day in range(10):
        for certificate in found:
            RenewalInfo.objects.filter(certificate=certificate).update(ask_at=desk.now)
            desk.look(certificate)
        desk.wait(2 * MINUTE)
    for certificate in found:
        RenewalInfo.objects.filter(certificate=certificate).update(ask_at=desk.now)
        desk.look(certificate)
    assert row().failures == breaker.FAILURES
    assert breaker.down_for(row()) == timedelta(0)
    assert row().resting_until > desk.now
    began = desk.now
    desk.run_until_issued(desk.wish(alice, "shop.example"), 5 * MINUTE)
    assert desk.now - began < 2 * MINUTE
