"""An IP address as identifier, at a real CA: ordered, proven by HTTP, issued, and never another customer's."""

from __future__ import annotations

import ipaddress

import pytest
from cryptography import x509
from django.urls import reverse
from django.utils import timezone

from certificates import issuance
from certificates.issuance.wishes import NotPossible
from certificates.models import Certificate
from tests.certificates.issuance.conftest import issue, run_until
from tests.factories import plan_for
from validation.models import Authorization, Control

pytestmark = [pytest.mark.town, pytest.mark.django_db]

ADDRESS = "203.0.113.7"


def wish(owner, account, *names):
    plan = plan_for(owner, *names, account=account, method="http-01")
    return issuance.request(plan, by=owner, now=timezone.now())


# One address an order: Pebble 2.4 sorts an IPv4 and an IPv6 address differently in the order and in the CSR.
@pytest.mark.parametrize("address", [ADDRESS, "2001:db8::7"])
def test_an_address_and_a_name_are_issued_together(alice, account, address):
    wanted = wish(alice, account, address, "shop.example")
    issue(wanted)
    leaf = x509.load_pem_x509_certificate(Certificate.objects.get(issuance=wanted).leaf_pem.encode())
    san = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert san.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address(address)]
    assert san.get_values_for_type(x509.DNSName) == ["shop.example"]
    proven = Control.objects.filter(owner=alice).values_list("identifier", "method")
    assert set(proven) == {(address, "http-01"), ("shop.example", "http-01")}


def test_one_customers_address_does_not_become_anothers(alice, bob, account):
    issue(wish(alice, account, ADDRESS))
    his = wish(bob, account, ADDRESS)
    run_until(his, lambda: his.acme_orders.order_by("-attempt")[0].waiting_for == "customer")
    row = Authorization.objects.get(owner=bob, status="pending")
    assert (row.identifier, row.wildcard, row.shown_at) == (ADDRESS, False, None)


def test_an_address_can_only_be_shown_by_http(alice, account, client):
    wanted = wish(alice, account, ADDRESS)
    with pytest.raises(NotPossible):
        issuance.change_method(wanted, ADDRESS, "dns-01", by=alice, now=timezone.now())
    run_until(wanted, lambda: wanted.acme_orders.get().waiting_for == "customer")
    client.force_login(alice)
    page = client.get(reverse("activation-approve", args=[wanted.plan_id])).content.decode()
    assert f"http://{ADDRESS}/.well-known/acme-challenge/" in page
    assert "_acme-challenge" not in page
