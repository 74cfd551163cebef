"""Step 3 tells which method will work before anything is published, and asks no more than it must."""

from __future__ import annotations

import pytest
from django.core.cache import cache

from certificates.activation import foreseen
from certificates.models import CaAccount
from tests.certificates.activation.at_the_ca import set_up_once
from tests.validation.fake_dns import FakeDns
from tests.validation.fake_web import FakeWeb, page

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def dns(settings):
    cache.clear()
    server = FakeDns()
    settings.VALIDATION_NAMESERVERS = [server.text]
    settings.VALIDATION_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    server.add("shop.example", "A", "127.0.0.1")
    yield server
    server.close()


@pytest.fixture(autouse=True)
def web(settings):
    server = FakeWeb()
    settings.VALIDATION_HTTP_PORT = server.port
    yield server
    server.close()


@pytest.fixture
def step_3(wizard_for):
    """A wizard in front of step 3 for these names."""

    def begin(*names):
        wizard = wizard_for(*(names or ("shop.example",)))
        type(wizard.plan.product).objects.update(ip_addresses=True)
        wizard.csr()
        wizard.contacts()
        return wizard

    return begin


def seen(wizard):
    answer = wizard.post("activation-foreseen", headers={"HX-Request": "true"})
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_page_asks_nobody_and_keeps_the_place_of_what_comes(step_3, dns, web):
    wizard = step_3()
    dns.asked.clear()
    text = wizard.get("activation-methods").content.decode()
    assert (dns.asked, web.requests) == ([], [])
    assert f'hx-post="{wizard.url("activation-foreseen")}"' in text
    assert 'hx-trigger="load"' in text
    assert text.count('class="foreseen-line"') == 1
    assert "Not looked at yet." in text


def test_without_javascript_a_button_loads_the_page_with_the_looks_done(step_3):
    wizard = step_3()
    button = f'formaction="{wizard.url("activation-foreseen")}">'
    assert button in wizard.get("activation-methods").content.decode()
    answer = wizard.post("activation-foreseen")
    assert answer.url == f"{wizard.url('activation-methods')}#foreseen-title"
    text = wizard.client.get(answer.url).content.decode()
    assert "Both HTTP and DNS will work here" in text
    assert button not in text
    assert 'hx-trigger="load' not in text


def test_a_private_address_leaves_dns(step_3, dns):
    dns.add("shop.example", "A", "10.0.0.7")
    text = seen(step_3())
    assert "DNS is the way here." in text
    assert "10.0.0.7, which cannot be reached from the Internet" in text
    assert 'id="foreseen-announce" hx-swap-oob="innerHTML">shop.example: DNS is the way here.' in text


def test_a_server_with_a_page_for_everything_makes_dns_the_surer_way(step_3, web):
    web.otherwise = page("<html>Welcome")
    assert "DNS is the surer way here." in seen(step_3())


def test_an_address_whose_server_cannot_be_reached_has_no_way_at_all(step_3, web):
    wizard = step_3("127.0.0.9", "127.0.0.1")
    assert "Nothing will work here before this is put right." in seen(wizard)
    web.otherwise = page("<html>Welcome")
    cache.clear()
    assert "HTTP may need a hand here." in seen(wizard)


def test_caa_shows_the_record_in_the_form_of_the_provider(step_3, dns):
    dns.add("shop.example", "NS", "amy.ns.cloudflare.com.")
    dns.add("shop.example", "CAA", '0 issue "letsencrypt.org"')
    wizard = step_3()
    CaAccount.objects.update(caa_identities=["ca.example"])
    text = seen(wizard)
    assert "Nothing will work here before this is put right." in text
    assert "<code data-copy-text>ca.example</code>" in text
    assert "Its DNS is kept at Cloudflare." in text


def test_caa_that_knows_one_method_leaves_that_one(step_3, dns):
    dns.add("shop.example", "CAA", '0 issue "ca.example; validationmethods=http-01"')
    wizard = step_3()
    CaAccount.objects.update(caa_identities=["ca.example"])
    assert "HTTP is the way here." in seen(wizard)


def test_what_was_seen_is_remembered_for_a_while_and_for_everybody(step_3, dns, web):
    wizard = step_3()
    seen(wizard)
    asked = len(dns.asked)
    assert "Both HTTP and DNS will work here" in seen(wizard)
    assert "Both HTTP and DNS will work here" in wizard.get("activation-methods").content.decode()
    assert (len(dns.asked), len(web.requests)) == (asked, 1)


def test_who_asks_too_often_makes_us_ask_nobody(step_3, dns, web, settings):
    settings.ACCOUNT_RATE_LIMITS = settings.ACCOUNT_RATE_LIMITS | {"foresee": "1/5m/user"}
    wizard = step_3()
    seen(wizard)
    other = step_3("other.example")
    dns.asked.clear()
    text = seen(other)
    assert "Not looked at yet." in text
    assert "hx-trigger" not in text
    assert dns.asked == []


def test_names_whose_turn_did_not_come_are_asked_for_again(step_3, monkeypatch):
    monkeypatch.setattr(foreseen, "SECONDS_TO_BEGIN", 0.0)
    text = seen(step_3())
    assert "Not looked at yet." in text
    assert 'hx-trigger="load delay:2s"' in text


def test_many_names_cost_as_many_queries_as_one(step_3, django_assert_max_num_queries):
    for many in (1, 25):
        wizard = step_3(*(f"n{n}.shop.example" for n in range(many)))
        with django_assert_max_num_queries(12):
            seen(wizard)


def test_after_the_first_certificate_nothing_is_foreseen(step_3):
    wizard = step_3()
    wizard.finish()
    wizard.plan.issuances.update(state="issued")
    wizard.plan.state = "active"
    wizard.plan.save()
    assert "foreseen" not in wizard.get("activation-methods").content.decode()


def test_a_name_that_was_set_up_once_needs_no_way_by_hand(step_3, dns, alice):
    wizard = step_3()
    dns.txt("_acme-challenge.shop.example", "old")
    dns.remove("shop.example", "A")
    assert "What to do" in seen(wizard)
    set_up_once(wizard.plan.owner)
    page = seen(wizard)
    assert "It proves itself by what you have set up once" in page
    assert "What to do" not in page
