"""The last guard: what looks like a secret never reaches a line, and what does not, stays."""

from __future__ import annotations

import base64
import json
import logging
import random
import time

import pytest

from portal.logs.redaction import clean, redact
from tests.certificates import samples

# Seeded: every process of a test run must collect the same tests.
DICE = random.Random(7)
HMAC = base64.urlsafe_b64encode(DICE.randbytes(32)).decode().rstrip("=")
BLOB = base64.b64encode(DICE.randbytes(300)).decode()
PEM = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\nAgEGCCqGSM49\n-----END PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"here: {PEM} done", "MIGHAgEAMBMG"),
        (f"here: {PEM!r} done", "MIGHAgEAMBMG"),
        ("cut -----BEGIN EC PRIVATE KEY-----\nMHcCAQEEI", "MHcCAQEEI"),
        ("Stripe said no to sk_live_51Habcdef", "51Habcdef"),
        ("restricted rk_test_zzz99", "zzz99"),
        ("signed by whsec_abc+/=123", "abc+/=123"),
        ("Authorization: Bearer abcdefgh12345678", "abcdefgh12345678"),
        ("{'Authorization': 'Basic YWxpY2U6c2VjcmV0'}", "YWxpY2U6c2VjcmV0"),
        ("authorization=0123456789abcdef0123", "0123456789abcdef0123"),
        (f'eab_hmac: "{HMAC}"', HMAC),
        (f"hmac_key={HMAC}", HMAC),
        (f"EAB HMAC {HMAC} was refused", HMAC),
        ("password=hunter2hunter2 host=db", "hunter2"),
        ("{'passphrase': 'k7m2x-aaaaa'}", "k7m2x-aaaaa"),
        ("redis://:s3cret@redis:6379/0 is away", "s3cret"),
        ("postgres://chancery:pw%40x@database:5432/chancery", "pw%40x"),
        ("Cookie: sessionid=q1w2e3r4; theme=dark", "q1w2e3r4"),
        ("GET /accounts/password/reset/key/3-abc-def/ failed", "3-abc-def"),
        ("GET /accounts/confirm-email/MQ:1abc:xyz/ failed", "MQ:1abc:xyz"),
        ('{"protected": "eyJhbGciOiJFUzI1NiIsIm5vbmNlIjoi"}', "eyJhbGciOiJFUzI1NiIsIm5vbmNlIjoi"),
        (f"sealed {BLOB}", BLOB[:60]),
        (f"body {DICE.randbytes(80)!r}", "\\x"),
        ("550 no such user alice@example.org here", "alice@example.org"),
    ],
)
def test_it_takes_out(text, secret):
    assert secret in text
    assert secret not in clean(text)


@pytest.mark.parametrize(
    "text",
    [
        "ca.newOrder acme-v02.api.letsencrypt.org: 201",
        "https://ca.example/acme/authz/AQBxnlN-rtl8gGxjCMEDdYvEMn0yT9oKzIbU8sFqx2M is valid",
        "authorization: pending, then authorization valid",
        "AcmeOrder 12: new_order failed",
        "certificate 0a1b2c3d4e5f00ff1122 of *.shop.example",
        "order 7K3M-Q9XA, plan 3f2b8a9e-6f55-4b31-9c2a-0123456789ab",
        f"fingerprint {'ab' * 32}",
        "celery@web1.example.org ready.",
        "dns.TXT 192.0.2.53: NoAnswer in 12.1 ms",
        'File "/srv/chancery/certificates/issuance/engine.py", line 70, in take',
    ],
)
def test_it_leaves_what_is_searched_for(text):
    assert clean(text) == text


def test_a_real_key_and_a_real_csr_do_not_pass_in_any_spelling():
    from cryptography.hazmat.primitives import serialization

    key = samples.key_of("rsa-2048")
    der = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    csr = samples.csr(["shop.example"], key=key)
    for blob in (der, csr):
        text = base64.b64encode(blob).decode()
        url = base64.urlsafe_b64encode(blob).decode().rstrip("=")
        for spelling in (text, url, repr(blob), json.dumps({"csr": url}), f"failed with {text}!"):
            assert text[:40] not in clean(spelling)
            assert url[-40:] not in clean(spelling)


def test_a_field_named_like_a_secret_is_emptied_whatever_it_holds():
    event = redact(
        None,
        "info",
        {"event": "x", "password": "a", "eab_hmac": b"b", "csr": 3, "stripe_secret": ["c"], "request_body": "d",
         "key_type": "ec-p256", "nested": {"Cookie": "e", "plan_id": "f"}, "ms": 1.5, "n": None},
    )  # fmt: skip
    assert [event[name] for name in ("password", "eab_hmac", "csr", "stripe_secret", "request_body")] == [
        "[removed]"
    ] * 5
    assert event["key_type"] == "ec-p256"
    assert event["nested"] == {"Cookie": "[removed]", "plan_id": "f"}
    assert (event["ms"], event["n"]) == (1.5, None)


def test_an_object_becomes_text_before_it_is_cleaned():
    class Talkative:
        def __repr__(self) -> str:
            return "<Account sk_live_abcdef>"

    event = redact(
        None, "info", {"event": "x", "thing": Talkative(), "many": [b"\x00\x01", {"a": Talkative()}]}
    )
    assert "abcdef" not in json.dumps(event)
    assert event["many"][0] == "[bytes removed]"


def test_a_traceback_and_the_arguments_of_a_line_are_cleaned_too(logged):
    try:
        raise RuntimeError(f"cannot load {PEM}")
    except RuntimeError:
        logging.getLogger("some.library").exception(
            "failed for %s with %s", "alice@example.org", b"\x30" * 99
        )
    assert "MIGHAgEA" not in logged.text
    assert "alice@" not in logged.text
    (line,) = logged.fields
    assert "RuntimeError: cannot load [PEM removed]" in line["exception"]


def test_a_traceback_tells_no_local_variable(logged):
    def fails():
        remembered = "local-" + "variable"
        raise ValueError(len(remembered))

    try:
        fails()
    except ValueError:
        logging.getLogger("x").exception("no")
    assert "local-variable" not in logged.text


@pytest.mark.parametrize(
    "text", ["a" * 200_000, "-----BEGIN A-----" * 2000, "b'" + "\\x00" * 50_000, "hmac " * 20_000]
)
def test_a_hostile_line_is_cleaned_quickly_and_cut(text):
    started = time.process_time()
    assert len(clean(text)) < 25_000
    assert time.process_time() - started < 10
