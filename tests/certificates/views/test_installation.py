"""The button Test installation."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from certificates.models import Certificate, Inspection
from tests.certificates.test_installation import chain_of, key_of
from tests.factories import certificate_for, plan_for


@pytest.fixture
def certificate(alice, names, settings):
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": str(alice.pk)}
    }
    names.add("shop.example", "A", "127.0.0.1")
    return certificate_for(plan_for(alice, "shop.example"))


def url_of(certificate) -> str:
    return reverse("test-installation", args=[certificate.pk])


def test_a_stranger_tests_nothing(browser, bob, support, certificate, names):
    assert browser(bob).post(url_of(certificate)).status_code == 404
    assert browser(support).post(url_of(certificate)).status_code == 404
    assert Client().post(url_of(certificate)).status_code == 302
    assert names.asked == []


def test_looking_at_the_address_tests_nothing(browser, alice, certificate, names):
    assert browser(alice).get(url_of(certificate)).status_code == 405
    assert names.asked == []


def test_a_good_installation_makes_the_plan_secured(browser, alice, certificate, open_site):
    open_site(chain_of(certificate), key_of(certificate))
    response = browser(alice).post(url_of(certificate), follow=True)
    page = response.content.decode()
    assert response.redirect_chain[-1][0] == reverse("overview", args=[certificate.plan_id]) + "#installation"
    assert "Your site serves this certificate." in page
    assert "Secured" in page


def test_what_is_wrong_stands_on_the_page_with_what_to_do(browser, alice, certificate, open_site):
    open_site(chain_of(certificate)[:1], key_of(certificate))
    page = " ".join(browser(alice).post(url_of(certificate), follow=True).content.decode().split())
    assert "Not yet: your site does not serve this certificate everywhere." in page
    assert "the intermediate is missing" in page
    assert "1 certificate sent" in page
    assert "127.0.0.1" in page
    assert "Issued, not installed" in page


def test_pressing_again_and_again_is_slowed_down(browser, alice, certificate, settings):
    client = browser(alice)
    for _press in range(9):
        last = client.post(url_of(certificate), follow=True)
    assert "We have just looked." in last.content.decode()
    assert Inspection.objects.count() == 6


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "169.254.169.254", "x" * 300, "<script>", "http://shop.example/"]
)
def test_only_names_of_the_certificate_are_tested(browser, alice, certificate, names, host):
    response = browser(alice).post(url_of(certificate), {"host": host}, follow=True)
    assert response.status_code == 200
    assert "<script>" not in response.content.decode().replace("<script src", "")
    assert not Inspection.objects.exists()


def test_a_certificate_that_was_replaced_is_not_tested(browser, alice, certificate, names):
    Certificate.objects.update(state="superseded")
    page = browser(alice).post(url_of(certificate), follow=True).content.decode()
    assert "Another certificate has taken the place of this one" in page
    assert names.asked == []
