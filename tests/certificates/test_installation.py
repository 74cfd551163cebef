"""Test installation against real TLS servers: each thing that can be wrong is told from the others."""

from __future__ import annotations

import socket
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from audit.models import Entry
from certificates import keys, vault
from certificates.installation import NotCovered, inspect, latest_report, names_to_test
from certificates.models import Certificate, Inspection
from certificates.verdicts import UNREACHABLE, VERDICTS, verdict_of
from tests.certificates import samples
from tests.conftest import NOW
from tests.factories import certificate_for, plan_for


def leaf_of(certificate: Certificate) -> x509.Certificate:
    return x509.load_pem_x509_certificate(certificate.leaf_pem.encode())


def chain_of(certificate: Certificate) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates((certificate.leaf_pem + certificate.chain_pem).encode())


def key_of(certificate: Certificate) -> keys.PrivateKey:
    return keys.load_own(vault.open_key(certificate.issuance.key))


def look(certificate: Certificate, **kwargs) -> list[tuple[str, str]]:
    rows = inspect(certificate, by=certificate.owner, now=NOW, address="203.0.113.7", **kwargs)
    certificate.refresh_from_db()
    return [(row.name, row.slug) for row in rows]


@pytest.fixture
def certificate(alice, names):
    names.add("shop.example", "A", "127.0.0.1")
    return certificate_for(plan_for(alice, "shop.example"))


def test_a_good_installation_is_secured(certificate, open_site):
    site = open_site(chain_of(certificate), key_of(certificate))
    assert look(certificate) == [("shop.example", "installed")]
    assert certificate.installed_at == NOW
    assert site.asked == ["shop.example"]
    row = Inspection.objects.get()
    assert (row.ok, row.address, row.port) == (True, "127.0.0.1", site.port)
    assert latest_report(certificate).ok


def test_a_root_sent_along_does_no_harm(certificate, open_site):
    root, _intermediate = samples.hierarchy()
    open_site([*chain_of(certificate), root.certificate], key_of(certificate))
    assert look(certificate) == [("shop.example", "installed")]


def test_a_missing_intermediate_is_seen(certificate, open_site):
    open_site([leaf_of(certificate)], key_of(certificate))
    assert look(certificate) == [("shop.example", "chain_incomplete")]
    assert certificate.installed_at is None


@pytest.mark.parametrize("twice", [True, False])
def test_a_chain_in_the_wrong_order_is_seen(certificate, open_site, twice):
    root, _intermediate = samples.hierarchy()
    leaf, intermediate = chain_of(certificate)
    between = leaf if twice else root.certificate
    open_site([leaf, between, intermediate], key_of(certificate))
    assert look(certificate) == [("shop.example", "chain_out_of_order")]


def test_the_certificate_before_this_one_is_recognised(certificate, open_site):
    new = certificate_for(certificate.plan, kind="rekey", issued_at=NOW + timedelta(minutes=1))
    open_site(chain_of(certificate), key_of(certificate))
    assert look(new) == [("shop.example", "old_certificate")]
    seen = Inspection.objects.get().seen
    assert seen["fingerprint"] == certificate.fingerprint
    assert seen["names"] == ["shop.example"]


@pytest.mark.parametrize(
    ("served", "slug"),
    [
        (["shop.example"], "other_certificate"),
        (["*.example", "x.example"], "other_certificate"),
        (["other.example"], "wrong_name"),
        (["www.shop.example"], "wrong_name"),
        (["*.shop.example"], "wrong_name"),
    ],
)
def test_somebody_elses_certificate_is_told_from_one_for_another_name(certificate, open_site, served, slug):
    key = samples.key_of()
    other = samples.leaf(samples.authority("Other CA"), served, key=key)
    open_site([other], key)
    assert look(certificate) == [("shop.example", slug)]


def test_the_same_certificate_of_another_customer_is_not_called_an_earlier_one(certificate, bob, open_site):
    theirs = certificate_for(plan_for(bob, "shop.example"))
    open_site(chain_of(theirs), key_of(theirs))
    assert look(certificate) == [("shop.example", "other_certificate")]


def test_a_self_signed_default_without_names_is_a_certificate_for_another_name(certificate, open_site):
    key = samples.key_of()
    bare = samples.leaf(samples.authority("snakeoil"), [], common="localhost", key=key)
    open_site([bare], key)
    assert look(certificate) == [("shop.example", "wrong_name")]


@pytest.mark.parametrize("served", ["shop.example", "localhost"])
def test_a_self_signed_certificate_is_called_so(certificate, open_site, served):
    own = samples.authority(served)
    open_site([own.certificate], own.key)
    assert look(certificate) == [("shop.example", "self_signed")]


def test_a_closed_port_says_nothing_about_the_certificate(certificate, settings):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings.INSTALLATION_TLS_PORT = taken.getsockname()[1]
    Certificate.objects.update(installed_at=NOW - timedelta(days=1))
    assert look(certificate) == [("shop.example", "http_refused")]
    assert certificate.installed_at == NOW - timedelta(days=1), "nobody took it away"


def test_a_server_without_tls_is_recognised(certificate, open_site):
    open_site()
    assert look(certificate) == [("shop.example", "http_tls_error")]


def test_a_name_without_an_address_is_recognised(certificate, names, settings):
    names.remove("shop.example", "A")
    assert look(certificate) == [("shop.example", "http_no_address")]
    assert not latest_report(certificate).ok


def test_a_private_address_is_not_dialled(certificate, names, open_site, settings):
    site = open_site(chain_of(certificate), key_of(certificate))
    settings.VALIDATION_ALLOWED_NETWORKS = []
    assert look(certificate) == [("shop.example", "http_private_address")]
    assert site.asked == []


def test_every_address_of_a_name_is_looked_at(certificate, names, open_site):
    names.add("shop.example", "A", "127.0.0.1", "127.0.0.2")
    open_site(chain_of(certificate), key_of(certificate))
    open_site([leaf_of(certificate)], key_of(certificate), address="127.0.0.2")
    look(certificate)
    found = {row.address: row.slug for row in Inspection.objects.all()}
    assert found == {"127.0.0.1": "installed", "127.0.0.2": "chain_incomplete"}
    assert certificate.installed_at is None
    assert not latest_report(certificate).ok


def test_another_certificate_in_its_place_takes_secured_away(certificate, open_site):
    Certificate.objects.update(installed_at=NOW - timedelta(days=1))
    open_site([leaf_of(certificate)], key_of(certificate))
    look(certificate)
    assert certificate.installed_at is None


def test_all_names_are_looked_at_the_same_time(alice, names, open_site):
    listed = [f"n{number}.example" for number in range(9)]
    certificate = certificate_for(plan_for(alice, *listed))
    for name in listed:
        names.add(name, "A", "127.0.0.1")
    site = open_site(chain_of(certificate), key_of(certificate))
    assert look(certificate) == [(name, "installed") for name in listed]
    assert sorted(site.asked) == listed


def test_a_wildcard_is_tried_under_www_and_an_unused_www_is_no_fault(alice, names, open_site):
    certificate = certificate_for(plan_for(alice, "*.shop.example", "shop.example"))
    names.add("shop.example", "A", "127.0.0.1")
    open_site(chain_of(certificate), key_of(certificate))
    assert look(certificate) == [("www.shop.example", "wildcard_unused"), ("shop.example", "installed")]
    assert certificate.installed_at == NOW


def test_an_unused_www_alone_proves_nothing(alice, names):
    certificate = certificate_for(plan_for(alice, "*.shop.example"))
    assert look(certificate) == [("www.shop.example", "wildcard_unused")]
    assert certificate.installed_at is None
    assert latest_report(certificate).unseen


def test_a_www_that_was_bought_must_have_an_address(alice, names, open_site):
    certificate = certificate_for(plan_for(alice, "*.shop.example", "www.shop.example"))
    assert look(certificate) == [("www.shop.example", "http_no_address")]


def test_a_chosen_name_under_the_wildcard_is_tested_alone(alice, names, open_site):
    certificate = certificate_for(plan_for(alice, "*.shop.example"))
    names.add("cart.shop.example", "A", "127.0.0.1")
    site = open_site(chain_of(certificate), key_of(certificate))
    assert look(certificate, host="cart.shop.example") == [("cart.shop.example", "installed")]
    assert site.asked == ["cart.shop.example"]
    assert certificate.installed_at == NOW


@pytest.mark.parametrize(
    "host", ["evil.example", "a.b.shop.example", "shop.example", "*.shop.example", "127.0.0.1"]
)
def test_a_name_that_the_certificate_is_not_for_is_not_dialled(alice, names, host):
    certificate = certificate_for(plan_for(alice, "*.shop.example"))
    with pytest.raises(NotCovered):
        look(certificate, host=host)
    assert names.asked == []


def test_each_name_is_tested_once_and_not_more_than_ten(alice):
    certificate = certificate_for(plan_for(alice, "*.shop.example", "www.shop.example"))
    assert names_to_test(certificate) == ["www.shop.example"]
    certificate.names = [f"n{number}.example" for number in range(30)]
    assert len(names_to_test(certificate)) == 10


def test_what_was_found_is_written_down(certificate, open_site):
    open_site(chain_of(certificate), key_of(certificate))
    look(certificate)
    entry = Entry.objects.get(action="certificate:inspected")
    assert (entry.actor, entry.address, entry.plan_id) == (
        certificate.owner.email,
        "203.0.113.7",
        certificate.plan_id,
    )
    assert entry.details["verdicts"] == {"shop.example 127.0.0.1": "installed"}


def test_the_report_is_that_of_the_last_test(certificate, open_site, names):
    look(certificate)
    site = open_site(chain_of(certificate), key_of(certificate))
    inspect(certificate, by=certificate.owner, now=NOW + timedelta(minutes=1))
    report = latest_report(certificate)
    assert [finding.row.slug for finding in report.findings] == ["installed"]
    assert report.findings[0].not_after.replace(microsecond=0) == certificate.not_after
    assert site.port


def test_bytes_that_are_no_certificate_are_no_certificate(certificate):
    from certificates.installation import compare

    assert compare(certificate, "shop.example", []) == ("no_certificate", {})
    assert compare(certificate, "shop.example", [b"\x30\x03\x02\x01\x00"]) == ("no_certificate", {})
    der = leaf_of(certificate).public_bytes(serialization.Encoding.DER)
    assert compare(certificate, "shop.example", [der[:-1]])[0] == "no_certificate"
    # The library refuses to build such a name, with a TypeError, when it is looked at.
    assert b"\x06\x03\x55\x04\x03" in der
    odd_name = der.replace(b"\x06\x03\x55\x04\x03", b"\x06\x02\x55\x04\x03")
    assert compare(certificate, "shop.example", [odd_name])[0] == "no_certificate"


def test_a_verdict_of_another_release_still_reads():
    assert verdict_of("never_heard_of") is UNREACHABLE
    assert all(verdict.advice for slug, verdict in VERDICTS.items() if slug != "installed")
