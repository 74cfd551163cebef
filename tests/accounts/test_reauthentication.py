"""How recent a sign-in must be, and what may wait meanwhile."""

from __future__ import annotations

import pytest
import time_machine
from allauth.core.exceptions import ReauthenticationRequired
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpResponse
from django.test import RequestFactory

from accounts.reauthentication import authenticated_recently, recent_sign_in_required
from tests.conftest import NOW


def request_of(user, records, *, owner=None, **posted):
    request = RequestFactory().post("/", posted)
    request.user, request.session = user, SessionStore()
    request.session["account_authentication_methods"] = records
    request.session["account_authentication_methods_user"] = str((owner or user).pk)
    return request


def at(ago: float, **more) -> dict:
    return {"method": "password", "at": NOW.timestamp() - ago, **more}


@pytest.mark.parametrize(
    ("records", "recent"),
    [
        ([], False),
        ([at(0)], True),
        ([at(899)], True),
        ([at(900)], False),
        ([at(5000), at(10)], True),
        ([at(10), at(5000)], True),
        ([at(10, reauthenticated=True)], True),
        ([at(-60)], False),
        ("nonsense", False),
    ],
)
def test_the_latest_proof_counts_for_fifteen_minutes(alice, settings, records, recent):
    settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = 900
    with time_machine.travel(NOW, tick=False):
        assert authenticated_recently(request_of(alice, records)) is recent


def test_what_another_person_proved_does_not_count(alice, bob):
    with time_machine.travel(NOW, tick=False):
        assert not authenticated_recently(request_of(alice, [at(0)], owner=bob))


def test_fields_to_forget_are_gone_before_the_post_is_kept(alice):
    alice.set_password("x")

    @recent_sign_in_required(forget=("password",))
    def view(request):
        return HttpResponse()

    request = request_of(alice, [], password="secret", encryption="modern")
    with pytest.raises(ReauthenticationRequired):
        view(request)
    assert request.POST.dict() == {"encryption": "modern"}
