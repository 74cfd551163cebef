"""Renewal information in the admin: the filter says what each row waits for, and nobody can change one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from certificates.models import RenewalInfo
from certificates.renewal.opening import open_row
from tests.factories import certificate_for, plan_for

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
LIST = "admin:certificates_renewalinfo_changelist"


@pytest.mark.parametrize(
    ("state", "name"),
    [
        ("blocked", "blocked.example"),
        ("past", "past.example"),
        ("soon", "soon.example"),
        ("failing", "failing.example"),
        ("over", "over.example"),
    ],
)
def test_the_filter_finds_what_it_says(client, operator, alice, state, name):
    now = timezone.now()
    changes = {
        "blocked.example": {"problem": {"type": "chancery:renewal_no_ca", "detail": "No CA."}},
        "past.example": {"reissue_at": now - DAY},
        "soon.example": {"reissue_at": now + DAY},
        "failing.example": {"tries": 3, "problem": {"type": "about:blank", "detail": "busy"}},
        "over.example": {"due_at": None},
    }
    for text, columns in changes.items():
        row = open_row(certificate_for(plan_for(alice, text)), now)
        defaults = {"reissue_at": now + 60 * DAY, "due_at": now + DAY}
        RenewalInfo.objects.filter(pk=row.pk).update(**defaults | columns)
    client.force_login(operator)
    text = client.get(reverse(LIST), {"state": state}).content.decode()
    assert [other for other in changes if other in text] == [name]
    assert name in client.get(reverse(LIST), {"q": name[:4]}).content.decode()


def test_a_row_shows_its_window_and_cannot_be_changed(client, operator, support, alice):
    now = timezone.now()
    row = open_row(certificate_for(plan_for(alice)), now)
    RenewalInfo.objects.update(
        window_start=now, window_end=now + DAY, explanation_url="https://ca.example/why"
    )
    url = reverse("admin:certificates_renewalinfo_change", args=[row.pk])
    for person in (operator, support):
        client.force_login(person)
        page = client.get(url)
        assert "https://ca.example/why" in page.content.decode()
        assert client.post(url, {"_save": "1"}).status_code == 403
