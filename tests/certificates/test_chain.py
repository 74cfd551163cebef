"""What a CA may send back, and every way in which it could be the wrong thing."""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st

from certificates import keys
from certificates.chain import Chain, UnacceptableChain, check, read_chain
from identifiers.names import Name, parse
from tests.certificates import samples
from tests.certificates.samples import NOW, authority, hierarchy, leaf, pem_of

NAMES = [parse("example.com"), parse("www.example.com")]
TEXTS = [name.text for name in NAMES]
CSR = keys.make_csr(samples.key_of(), NAMES)


def sent(**how: Any) -> Chain:
    _root, intermediate = hierarchy()
    return read_chain(pem_of(leaf(intermediate, how.pop("names", TEXTS), **how), intermediate))


def refused_slug(chain: Chain, names: list[Name] = NAMES, csr: bytes = CSR) -> str:
    with pytest.raises(UnacceptableChain) as refused:
        check(chain, csr_der=csr, names=names, now=NOW)
    assert refused.value.message.isprintable()
    return refused.value.slug


def unreadable_slug(pem: str) -> str:
    with pytest.raises(UnacceptableChain) as refused:
        read_chain(pem)
    return refused.value.slug


def test_a_good_chain_passes_and_tells_its_facts() -> None:
    _root, intermediate = hierarchy()
    certificate = leaf(intermediate, TEXTS)
    chain = read_chain(pem_of(certificate, intermediate))
    check(chain, csr_der=CSR, names=NAMES, now=NOW)
    check(chain, csr_der=CSR, names=list(reversed(NAMES)), now=NOW)
    assert int(chain.serial, 16) == certificate.serial_number
    assert len(chain.serial) % 2 == 0
    assert chain.fingerprint == certificate.fingerprint(hashes.SHA256()).hex()
    assert chain.spki_sha256 == keys.spki_sha256(samples.key_of().public_key())
    assert chain.issuer == "CN=Small Intermediate"
    assert chain.names == TEXTS
    assert chain.not_before.tzinfo is not None
    assert chain.not_after - chain.not_before == timedelta(days=90, hours=1)
    assert chain.is_ecdsa
    assert not chain.has_ocsp
    assert (
        chain.fullchain_pem == chain.leaf_pem + "".join(chain.chain_pems) == pem_of(certificate, intermediate)
    )


def test_it_knows_rsa_and_ocsp() -> None:
    chain = sent(key=samples.key_of("rsa-2048"), ocsp="http://ocsp.example/")
    assert not chain.is_ecdsa
    assert chain.has_ocsp


def test_the_root_is_dropped() -> None:
    root, intermediate = hierarchy()
    certificate = leaf(intermediate, TEXTS)
    assert read_chain(pem_of(certificate, intermediate, root)).intermediates == (intermediate.certificate,)
    straight = leaf(root, TEXTS)
    assert read_chain(pem_of(straight, root)).intermediates == ()
    assert read_chain(pem_of(straight)).intermediates == ()


def test_intermediates_in_the_wrong_order_are_put_right() -> None:
    root, upper = hierarchy()
    lower = authority("Lower", upper)
    certificate = leaf(lower, TEXTS)
    for order in ([lower, upper, root], [upper, lower], [root, upper, lower], [upper, root, lower]):
        chain = read_chain(pem_of(certificate, *order))
        assert chain.intermediates == (lower.certificate, upper.certificate)
        check(chain, csr_der=CSR, names=NAMES, now=NOW)


def test_two_issuers_of_one_name_are_told_apart_by_the_signature() -> None:
    root, intermediate = hierarchy()
    twin = authority("Small Intermediate", root)
    certificate = leaf(intermediate, TEXTS)
    assert unreadable_slug(pem_of(certificate, twin)) == "broken_signature"
    assert unreadable_slug(pem_of(certificate, twin, intermediate)) == "stray_certificate"


def test_a_stray_certificate_is_refused() -> None:
    root, intermediate = hierarchy()
    certificate = leaf(intermediate, TEXTS)
    assert unreadable_slug(pem_of(certificate, authority("Stranger"))) == "stray_certificate"
    assert unreadable_slug(pem_of(certificate, intermediate, authority("Stranger"))) == "stray_certificate"
    assert unreadable_slug(pem_of(certificate, intermediate, intermediate)) == "stray_certificate"
    assert unreadable_slug(pem_of(certificate, root)) == "stray_certificate"
    assert unreadable_slug(pem_of(intermediate, certificate)) == "stray_certificate"
    assert unreadable_slug(pem_of(root, intermediate, certificate)) == "stray_certificate"


def test_a_signature_that_does_not_hold_is_refused() -> None:
    _root, intermediate = hierarchy()
    der = bytearray(leaf(intermediate, TEXTS).public_bytes(serialization.Encoding.DER))
    der[-4] ^= 1
    assert (
        unreadable_slug(pem_of(x509.load_der_x509_certificate(bytes(der)), intermediate))
        == "broken_signature"
    )


def test_a_leaf_does_not_issue() -> None:
    _root, intermediate = hierarchy()
    pretender = leaf(intermediate, ["evil.com"], common="Pretender")
    fake = leaf(samples.Authority(pretender, samples.key_of()), TEXTS)
    assert unreadable_slug(pem_of(fake, pretender, intermediate)) == "issuer_is_no_ca"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\n",
        samples.pem(samples.csr()),
        "çé" * 10,
        "\x00",
    ],
)
def test_what_is_no_chain_is_refused(text: str) -> None:
    assert unreadable_slug(text) == "unparsable"


def test_too_much_is_refused() -> None:
    one = pem_of(hierarchy()[0])
    assert unreadable_slug(one * 11) == "too_big"
    assert unreadable_slug(one * 1000) == "too_big"


def test_another_key_is_refused() -> None:
    assert refused_slug(sent(key=keys.generate("ec-p256"))) == "other_key"
    assert refused_slug(sent(), csr=keys.make_csr(keys.generate("ec-p256"), NAMES)) == "other_key"


@pytest.mark.parametrize(
    "names",
    [
        ["example.com"],
        ["example.com", "www.example.com", "evil.com"],
        ["example.com", "*.example.com"],
        ["evil.com"],
    ],
)
def test_other_names_are_refused(names: list[str]) -> None:
    assert refused_slug(sent(names=names)) == "other_names"


def test_names_differ_by_more_than_case_and_order() -> None:
    chain = sent(names=["WWW.example.com", "Example.COM"])
    check(chain, csr_der=CSR, names=NAMES, now=NOW)


def test_a_wildcard_is_not_its_base() -> None:
    wildcard = [parse("*.example.com")]
    csr = keys.make_csr(samples.key_of(), wildcard)
    check(sent(names=["*.example.com"]), csr_der=csr, names=wildcard, now=NOW)
    assert refused_slug(sent(names=["example.com"]), wildcard, csr) == "other_names"


def test_names_of_other_kinds_are_refused() -> None:
    dns = [x509.DNSName(text) for text in TEXTS]
    assert refused_slug(sent(general_names=[*dns, x509.RFC822Name("me@example.com")])) == "other_names"
    assert refused_slug(sent(general_names=[])) == "other_names"


def test_a_common_name_outside_the_list_is_refused() -> None:
    assert refused_slug(sent(common="evil.com")) == "other_names"
    check(sent(common=""), csr_der=CSR, names=NAMES, now=NOW)


def test_time_must_make_sense() -> None:
    assert (
        refused_slug(sent(not_before=NOW - timedelta(days=3), not_after=NOW - timedelta(days=1))) == "expired"
    )
    assert refused_slug(sent(not_after=NOW)) == "expired"
    assert refused_slug(sent(not_before=NOW + timedelta(hours=2))) == "not_yet_valid"
    check(sent(not_before=NOW + timedelta(minutes=30)), csr_der=CSR, names=NAMES, now=NOW)


def test_an_expired_intermediate_is_refused() -> None:
    chain, later = sent(not_after=NOW + timedelta(days=9000)), NOW + timedelta(days=4000)
    with pytest.raises(UnacceptableChain) as refused:
        check(chain, csr_der=CSR, names=NAMES, now=later)
    assert refused.value.slug == "expired"


def test_the_leaf_is_for_servers_and_no_ca() -> None:
    assert refused_slug(sent(usages=[ExtendedKeyUsageOID.CLIENT_AUTH])) == "not_for_servers"
    assert refused_slug(sent(usages=None)) == "not_for_servers"
    assert refused_slug(sent(ca=True)) == "leaf_is_a_ca"
    check(
        sent(usages=[ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
        csr_der=CSR,
        names=NAMES,
        now=NOW,
    )


def test_what_the_ca_writes_is_never_more_than_printable_text() -> None:
    chain = sent(names=["<script>\n\x00.com"], common="")
    assert refused_slug(chain) == "other_names"
    weird = read_chain(pem_of(leaf(authority("A\nB" + "x" * 60), TEXTS)))
    assert weird.issuer.isprintable()


@given(st.lists(st.tuples(st.floats(0, 0.999), st.integers(1, 255)), min_size=1, max_size=5))
@settings(max_examples=300, deadline=None)
def test_a_mutated_chain_never_passes(changes: list[tuple[float, int]]) -> None:
    _root, intermediate = hierarchy()
    der = bytearray(_GOOD)
    for place, value in changes:
        der[int(place * len(der))] ^= value
    if bytes(der) == _GOOD:
        return
    pem = samples.pem(bytes(der), "CERTIFICATE") + intermediate.pem
    with pytest.raises(UnacceptableChain):
        check(read_chain(pem), csr_der=CSR, names=NAMES, now=NOW)


_GOOD = leaf(hierarchy()[1], TEXTS).public_bytes(serialization.Encoding.DER)


def test_a_name_in_a_form_that_the_library_refuses_is_unreadable() -> None:
    """An object identifier a byte shorter makes a bit string of the text that follows: a TypeError on access."""
    assert _GOOD.count(_COMMON_NAME) > 0
    pem = samples.pem(_GOOD.replace(_COMMON_NAME, b"\x06\x02\x55\x04\x03"), "CERTIFICATE")
    with pytest.raises(UnacceptableChain) as refused:
        read_chain(pem)
    assert refused.value.slug == "unparsable"


_COMMON_NAME = b"\x06\x03\x55\x04\x03"


def test_an_address_must_stand_there_as_an_address() -> None:
    names = [parse("8.8.8.8", allow_ip=True), parse("example.com")]
    csr = keys.make_csr(samples.key_of(), names)
    address, domain = x509.IPAddress(ipaddress.ip_address("8.8.8.8")), x509.DNSName("example.com")
    check(sent(general_names=[address, domain], common=""), csr_der=csr, names=names, now=NOW)
    as_text = sent(general_names=[x509.DNSName("8.8.8.8"), domain], common="")
    assert refused_slug(as_text, names, csr) == "other_names"
    assert refused_slug(sent(general_names=[domain], common=""), names, csr) == "other_names"
    other = x509.IPAddress(ipaddress.ip_address("8.8.4.4"))
    assert refused_slug(sent(general_names=[other, domain], common=""), names, csr) == "other_names"
