"""Two people, two tabs, or a worker at the same request: no change of a method is lost."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from certificates import issuance
from certificates.connectors.acme import AcmeConnector
from certificates.issuance.wishes import NotPossible
from certificates.models import ActivationName, Issuance
from tests.certificates.issuance.desk import newest
from tests.orders.conftest import file_database  # noqa: F401
from validation.models import Challenge

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def methods(wanted: Issuance) -> dict[str, str]:
    return {name["ascii"]: name["method"] for name in Issuance.objects.get(pk=wanted.pk).names}


def test_two_tabs_that_were_opened_before_each_change_one_name_and_both_changes_stand(desk, alice, operator):
    desk.shows = False
    wanted = desk.wish(alice, "one.example", "two.example", "three.example")
    desk.run(timedelta(minutes=1))
    tabs = [Issuance.objects.get(pk=wanted.pk) for _ in range(2)]
    issuance.change_method(tabs[0], "one.example", "http-01", by=alice, now=desk.now)
    issuance.change_method(tabs[1], "two.example", "http-01", by=operator, now=desk.now, reason="asked to")
    expected = {"one.example": "http-01", "two.example": "http-01", "three.example": "dns-01"}
    assert methods(wanted) == expected
    assert dict(newest(wanted).authorizations.values_list("identifier", "method")) == expected
    assert dict(ActivationName.objects.values_list("ascii", "method")) == expected


@pytest.mark.usefixtures("file_database")
def test_six_changes_at_the_same_moment_all_stand(desk, alice):
    names = [f"n{number}.example" for number in range(6)]
    wanted = desk.wish(alice, *names)
    start, failed = threading.Barrier(len(names)), []

    def change(name: str, tab: Issuance) -> None:
        start.wait()
        try:
            issuance.change_method(tab, name, "http-01", by=alice, now=timezone.now())
        except Exception as error:
            failed.append(error)
        finally:
            connection.close()

    threads = [
        threading.Thread(target=change, args=(name, Issuance.objects.get(pk=wanted.pk))) for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert set(methods(wanted).values()) == {"http-01"}


def test_a_request_that_has_ended_meanwhile_is_not_changed(desk, alice):
    wanted = desk.wish(alice, "one.example")
    tab = Issuance.objects.get(pk=wanted.pk)
    desk.run_until_issued(wanted)
    with pytest.raises(NotPossible):
        issuance.change_method(tab, "one.example", "http-01", by=alice, now=desk.now)
    assert methods(wanted) == {"one.example": "dns-01"}


@pytest.mark.parametrize("call", ["new_order", "authorization"])
def test_a_worker_that_read_the_old_method_does_not_open_the_name_with_it(desk, alice, monkeypatch, call):
    wanted = desk.wish(alice, "one.example", "two.example")
    real, changed = getattr(AcmeConnector, call), []

    def while_the_ca_answers(self, *args, **kwargs):
        answer = real(self, *args, **kwargs)
        if not changed:
            changed.append(True)
            for name in ("one.example", "two.example"):
                tab = Issuance.objects.get(pk=wanted.pk)
                issuance.change_method(tab, name, "http-01", by=alice, now=desk.now)
        return answer

    monkeypatch.setattr(AcmeConnector, call, while_the_ca_answers)
    desk.run_until_issued(wanted, HOUR)
    assert methods(wanted) == {"one.example": "http-01", "two.example": "http-01"}
    answered = Challenge.objects.filter(answered_at__isnull=False)
    assert {challenge.type for challenge in answered} == {"http-01"}
    assert answered.count() == 2
    assert wanted.acme_orders.count() == 1
    assert desk.ca.certificates == 1
