"""S5: a whole issuance, its downloads, a sign-in and a webhook with everything at DEBUG; then the log is searched for secrets."""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import json
import re
import secrets
import time
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from cryptography.hazmat.primitives import serialization
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import mail as letters
from certificates import vault
from certificates.models import CaAccount, Certificate
from portal import sweeping
from tests.certificates.issuance.conftest import desk, little_ca  # noqa: F401 - fixtures
from tests.factories import PASSWORD

pytestmark = pytest.mark.django_db
EAB_HMAC = secrets.token_urlsafe(32)
OPENS = "https://portal.example/opens-something-" + secrets.token_hex(8)


@pytest.fixture
def signed_in(alice) -> Client:
    alice.set_password(PASSWORD)
    alice.save()
    EmailAddress.objects.create(user=alice, email=alice.email, verified=True, primary=True)
    client = Client()
    done = client.post("/accounts/login/", {"login": alice.email, "password": PASSWORD})
    assert done.status_code == 302
    return client


def issue(desk, owner) -> Certificate:  # noqa: F811
    """Issue at a small CA with external account binding, by the very sweep of production."""
    account = desk.account
    sealed = vault.seal_for_account(account, "eab hmac", EAB_HMAC.encode())
    CaAccount.objects.filter(pk=account.pk).update(eab_kid="kid-1", sealed_eab_hmac=sealed)
    desk.account.refresh_from_db()
    wanted = desk.wish(owner, "shop.example", "*.shop.example")
    desk.run_until_issued(wanted)
    return Certificate.objects.get(issuance=wanted)


def download(client: Client, certificate: Certificate) -> list[str]:
    """Fetch every file that holds the key; return the import passwords."""
    passwords = []
    for slug in ("nginx", "apache", "key", "pfx"):
        url = reverse("download", args=[certificate.pk, slug])
        page = client.get(url)
        assert page.status_code == 200
        found = re.search(r'name="password" value="([^"]+)"', page.content.decode())
        options = {}
        if slug == "pfx":
            options = {"password": html.unescape(found.group(1)), "encryption": "modern"}
            passwords.append(options["password"])
        assert client.post(url, options)["Content-Disposition"]
    return passwords


def webhook(client: Client, secret: str) -> str:
    """Deliver a signed event, then one with a wrong signature; return something that only its body holds."""
    inside = "only-in-the-body-" + secrets.token_hex(8)
    event = {
        "id": "evt_1",
        "object": "event",
        "type": "customer.created",
        "data": {"object": {"id": "cus_1", "note": inside}},
    }
    body, at = json.dumps(event).encode(), int(time.time())
    good = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    for signature in (good, "0" * 64):
        client.post(
            "/webhooks/stripe/",
            body,
            content_type="application/json",
            headers={"Stripe-Signature": f"t={at},v1={signature}"},
        )
    return inside  # fmt: skip


def spellings(key) -> list[str]:
    """Return the hearts of a key in every form that it is written in."""
    der = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    number = key.private_numbers().private_value.to_bytes(32, "big")
    return [
        base64.b64encode(der).decode()[40:90],
        base64.urlsafe_b64encode(number).decode()[:30],
        base64.b64encode(number).decode()[:30],
        number.hex()[:40],
        str(key.private_numbers().private_value)[:40],
    ]


@pytest.mark.parametrize("libraries", ["as configured", "all at DEBUG"])
def test_no_secret_is_in_the_log_of_a_whole_issuance(
    desk,  # noqa: F811
    signed_in, alice, settings, logged, everything_talks, libraries,
):  # fmt: skip
    if libraries == "all at DEBUG":
        everything_talks()
    certificate = issue(desk, alice)
    passwords = download(signed_in, certificate)
    inside = webhook(signed_in, settings.STRIPE_WEBHOOK_SECRETS[0])
    letters.post(to=alice.email, kind="k", occasion="o", subject="s", body=OPENS, now=timezone.now())
    desk.wait(timedelta(seconds=1))
    sweeping.sweep()

    account = CaAccount.objects.get(pk=desk.account.pk)
    key_of = serialization.load_der_private_key
    own = key_of(vault.open_key(certificate.issuance.key), None)
    at_the_ca = key_of(vault.open_for_account(account, "account key", bytes(account.sealed_key)), None)
    csr = bytes(certificate.issuance.csr)
    hidden = [
        *spellings(own), *spellings(at_the_ca), *passwords, inside, OPENS, PASSWORD, "PRIVATE KEY", "BEGIN CERT",
        base64.urlsafe_b64encode(csr).decode()[20:70], base64.b64encode(csr).decode()[20:70], repr(csr)[10:60],
        EAB_HMAC[:30],
        settings.SECRET_KEY, settings.KEY_ENCRYPTION_KEYS.split(":")[1], settings.STRIPE_SECRET_KEY,
        *settings.STRIPE_WEBHOOK_SECRETS, signed_in.session.session_key, alice.email,
        base64.b64encode(bytes(certificate.issuance.key.sealed)).decode()[:40],
        *(row.session_data[:40] for row in Session.objects.all()),
    ]  # fmt: skip
    assert len(hidden) > 25
    assert [line for line in logged.text.splitlines() if any(word in line for word in hidden)] == []

    # It was not silent: who looks for the order finds its calls.
    mine = [line for line in logged.of("outbound.calls") if line.get("plan_id") == str(certificate.plan_id)]
    calls = [line for line in mine if line["call"].startswith("ca.")]
    assert {"ca.newOrder", "ca.finalize", "ca.certificate"} <= {line["call"] for line in calls}
    assert all(line["queue"] == "acme_orders" and line["epoch"] for line in calls)
    assert all(line["order_id"] == str(certificate.plan.item.order_id) for line in calls)
