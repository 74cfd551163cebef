"""The account at the CA: bindings that are spent once, contact and terms, a key that changes hands, and its end."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from certificates.connectors.acme import AcmeConnector
from certificates.connectors.base import AccountStatus, CaEndpoint
from certificates.connectors.problems import OperatorMustAct, TryAgain
from tests.certificates.connectors.rough_ca import Reply, RoughCa, problem
from tests.contracts.ca import key_pem

HMAC = "AAECAwQFBgcICQoLDA0ODw=="


def found(ca: RoughCa, code: int = 200, **document: object) -> Reply:
    return Reply(code, {"status": "valid"} | document, {"Location": ca.url("/account/1")})


@pytest.fixture
def bound(endpoint: CaEndpoint) -> CaEndpoint:
    return replace(endpoint, account_url=None, eab_kid="kid-1", eab_hmac=HMAC)


def bindings(ca: RoughCa) -> list[bool]:
    return ["externalAccountBinding" in request.payload for request in ca.asked("/newAccount")]


# -- external account binding --------------------------------------------------------------------


@pytest.mark.parametrize("word", ["accountDoesNotExist", "externalAccountRequired", "malformed"])
def test_a_binding_is_spent_when_the_ca_knows_no_account_of_this_key(
    ca: RoughCa, bound: CaEndpoint, word: str
) -> None:
    ca.say("/newAccount", problem(word), found(ca, 201))
    assert AcmeConnector(bound).register(terms_agreed=True).url == ca.url("/account/1")
    assert bindings(ca) == [False, True]


@pytest.mark.parametrize("word", ["unauthorized", "userActionRequired", "badPublicKey"])
def test_a_binding_is_not_spent_on_an_account_in_trouble(ca: RoughCa, bound: CaEndpoint, word: str) -> None:
    ca.say("/newAccount", problem(word, 403))
    with pytest.raises(OperatorMustAct, match=word):
        AcmeConnector(bound).register(terms_agreed=True)
    assert bindings(ca) == [False]


@pytest.mark.parametrize(
    "reply", [Reply(dies="before"), problem("serverInternal", 500), Reply(502, b"<html>")]
)
def test_a_binding_is_not_spent_while_the_ca_cannot_say_whether_it_knows_us(
    ca: RoughCa, bound: CaEndpoint, reply: Reply
) -> None:
    ca.say("/newAccount", reply)
    with pytest.raises(TryAgain):
        AcmeConnector(bound).register(terms_agreed=True)
    assert True not in bindings(ca)


def test_a_binding_whose_answer_was_lost_is_not_spent_again(ca: RoughCa, bound: CaEndpoint) -> None:
    ca.say("/newAccount", problem("accountDoesNotExist"), Reply(dies="before"), found(ca))
    with pytest.raises(TryAgain) as lost:
        AcmeConnector(bound).register(terms_agreed=True)
    assert lost.value.may_have_acted
    assert AcmeConnector(bound).register(terms_agreed=True).url == ca.url("/account/1")
    assert bindings(ca) == [False, True, False]


def test_a_binding_that_another_worker_has_just_spent_for_us_is_no_trouble(
    ca: RoughCa, bound: CaEndpoint
) -> None:
    ca.say("/newAccount", problem("accountDoesNotExist"), problem("unauthorized", 401), found(ca))
    assert AcmeConnector(bound).register(terms_agreed=True).url == ca.url("/account/1")


def test_a_binding_that_the_ca_refuses_is_the_operators(ca: RoughCa, bound: CaEndpoint) -> None:
    gone = problem("accountDoesNotExist")
    ca.say("/newAccount", gone, problem("unauthorized", 401, detail="EAB key is used up."), gone)
    with pytest.raises(OperatorMustAct, match="EAB key is used up"):
        AcmeConnector(bound).register(terms_agreed=True)


def test_a_forgotten_hmac_key_still_finds_the_account_and_opens_no_other(
    ca: RoughCa, bound: CaEndpoint
) -> None:
    spent = replace(bound, eab_hmac=None)
    ca.say("/newAccount", found(ca))
    assert AcmeConnector(spent).register(terms_agreed=True).url == ca.url("/account/1")
    ca.say("/newAccount", problem("accountDoesNotExist"))
    with pytest.raises(OperatorMustAct, match="externalAccountRequired"):
        AcmeConnector(spent).register(terms_agreed=True)
    assert bindings(ca) == [False, False]


# -- contact, terms, the end ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "sent"),
    [
        ({"contact": ["mailto:new@portal.example"]}, {"contact": ["mailto:new@portal.example"]}),
        ({"contact": []}, {"contact": []}),
        ({"terms_agreed": True}, {"termsOfServiceAgreed": True}),
        ({}, {}),
    ],
)
def test_only_what_changes_is_sent_to_the_accounts_own_url(
    ca: RoughCa, connector: AcmeConnector, change: dict, sent: dict
) -> None:
    ca.say("/account/1", found(ca, contact=["mailto:new@portal.example"]))
    facts = connector.update_account(**change)
    assert (facts.url, facts.status) == (ca.url("/account/1"), AccountStatus.VALID)
    request = ca.asked("/account/1")[0]
    assert request.payload == sent
    assert request.protected["kid"] == ca.url("/account/1")


def test_a_contact_that_the_ca_does_not_take_is_the_operators(ca: RoughCa, connector: AcmeConnector) -> None:
    ca.say("/account/1", problem("invalidContact", detail="No MX."))
    with pytest.raises(OperatorMustAct, match="No MX"):
        connector.update_account(contact=["mailto:a@nowhere.example"])


def test_an_account_is_deactivated_by_its_own_key(ca: RoughCa, connector: AcmeConnector) -> None:
    ca.say("/account/1", found(ca, status="deactivated"))
    assert connector.deactivate_account().status is AccountStatus.DEACTIVATED
    assert ca.asked("/account/1")[0].payload == {"status": "deactivated"}


# -- another key ---------------------------------------------------------------------------------


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def thumbprint(jwk: dict) -> str:
    canonical = json.dumps(jwk, sort_keys=True, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(hashlib.sha256(canonical).digest()).decode().rstrip("=")


def test_the_new_key_signs_over_the_old_one_and_the_old_one_over_that(
    ca: RoughCa, connector: AcmeConnector
) -> None:
    new = ec.generate_private_key(ec.SECP256R1())
    old_thumbprint = connector.thumbprint
    ca.say("/keyChange", found(ca))
    connector.change_key(key_pem(new))

    request = ca.asked("/keyChange")[0]
    assert request.protected["kid"] == ca.url("/account/1")
    inner = request.payload
    protected = json.loads(decode(inner["protected"]))
    assert set(protected) == {"alg", "jwk", "url"}, "RFC 8555 §7.3.5: no nonce inside"
    assert protected["url"] == request.protected["url"] == ca.url("/keyChange")
    claim = json.loads(decode(inner["payload"]))
    assert claim["account"] == ca.url("/account/1")
    assert set(claim) == {"account", "oldKey"}
    assert thumbprint(claim["oldKey"]) == old_thumbprint
    raw = decode(inner["signature"])
    signature = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    new.public_key().verify(
        signature, f"{inner['protected']}.{inner['payload']}".encode(), ec.ECDSA(hashes.SHA256())
    )
    assert "d" not in claim["oldKey"]
    assert connector.thumbprint == thumbprint(protected["jwk"]) != old_thumbprint


@pytest.mark.parametrize("reply", [problem("malformed", 409), problem("badPublicKey"), Reply(dies="before")])
def test_a_refused_key_change_goes_on_with_the_old_key(
    ca: RoughCa, connector: AcmeConnector, reply: Reply
) -> None:
    before = connector.thumbprint
    ca.say("/keyChange", reply)
    with pytest.raises((OperatorMustAct, TryAgain)):
        connector.change_key(key_pem(ec.generate_private_key(ec.SECP256R1())))
    assert connector.thumbprint == before


def test_a_ca_without_key_change_is_said_so(ca: RoughCa, connector: AcmeConnector) -> None:
    without = {name: url for name, url in ca.directory.items() if name != "keyChange"}
    ca.say("/directory", Reply(body=without))
    with pytest.raises(OperatorMustAct, match="offers no keyChange"):
        connector.change_key(key_pem(ec.generate_private_key(ec.SECP256R1())))


def test_an_unreadable_new_key_is_neither_sent_nor_quoted(ca: RoughCa, connector: AcmeConnector) -> None:
    with pytest.raises(OperatorMustAct) as refused:
        connector.change_key(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----")
    assert "AAAA" not in str(refused.value)
    assert not ca.asked("/keyChange")
