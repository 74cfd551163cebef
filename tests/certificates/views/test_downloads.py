"""Downloads and keys: who gets what, after which sign-in, and what is left behind."""

from __future__ import annotations

import html
import io
import logging
import re
import subprocess
import zipfile

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse

from audit.models import Entry
from certificates import vault
from certificates.exporters import EXPORTERS
from certificates.models import PrivateKey
from tests.certificates.views.conftest import LONG_AGO
from tests.factories import PASSWORD, certificate_for, plan_for

WITH_KEY = ["nginx", "apache", "pfx", "key"]
WITHOUT_KEY = ["p7b", "cer", "fullchain", "leaf", "chain"]
IMPORT_PASSWORD = "k7m2x-aaaaa-bbbbb-ccccc"


def url_of(certificate, slug: str) -> str:
    return reverse("download", args=[certificate.pk, slug])


def password_on(page: str) -> str:
    found = re.search(r'name="password" value="([^"]+)"', page)
    assert found is not None
    return html.unescape(found.group(1))


def key_text(certificate) -> str:
    """The heart of the key: base64 of its DER, which stands in every PEM of it."""
    import base64

    return base64.b64encode(vault.open_key(certificate.issuance.key)).decode()[40:90]


@pytest.fixture
def certificate(alice):
    return certificate_for(plan_for(alice, "shop.example", "www.shop.example"))


# --- who --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slug", [*WITH_KEY, *WITHOUT_KEY])
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_stranger_finds_nothing(browser, bob, certificate, slug, method):
    response = getattr(browser(bob), method)(url_of(certificate, slug))
    assert response.status_code == 404
    assert "shop.example" not in response.content.decode()


def test_staff_find_nothing_either(browser, support, operator, certificate):
    for person in (support, operator):
        assert browser(person).post(url_of(certificate, "key")).status_code == 404


@pytest.mark.parametrize("slug", ["nginx", "cer"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_nobody_gets_anything_without_signing_in(certificate, slug, method):
    response = getattr(Client(), method)(url_of(certificate, slug))
    assert response.status_code == 302
    assert "/accounts/login/" in response["Location"]


def test_a_forged_post_from_another_site_gets_nothing(browser, alice, certificate):
    client = browser(alice)
    client.handler.enforce_csrf_checks = True
    assert client.post(url_of(certificate, "key")).status_code == 403
    assert not Entry.objects.filter(action="key:downloaded").exists()


@pytest.mark.parametrize(
    "slug",
    [
        "..",
        "%2e%2e",
        "nginx%2f..",
        "..%2f..%2fetc%2fpasswd",
        "pfx-compatible",
        "jks",
        "NGINX",
        "nginx/key",
        "%00",
    ],
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_format_that_is_none_does_not_exist(browser, alice, certificate, slug, method):
    path = url_of(certificate, "nginx").replace("/nginx/", f"/{slug}/")
    assert getattr(browser(alice), method)(path).status_code == 404


# --- what -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slug", list(EXPORTERS))
def test_looking_never_gives_the_file(browser, alice, certificate, slug):
    response = browser(alice).get(url_of(certificate, slug))
    page = response.content.decode()
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/html")
    assert "Content-Disposition" not in response
    assert "no-store" in response["Cache-Control"]
    assert "PRIVATE KEY-----" not in page
    assert key_text(certificate) not in page
    assert "What is in it" in page


@pytest.mark.parametrize("slug", list(EXPORTERS))
def test_every_format_comes_by_post_and_is_kept_by_nobody(browser, alice, certificate, slug):
    client = browser(alice)
    options = {"password": IMPORT_PASSWORD, "encryption": "modern"} if slug == "pfx" else {}
    response = client.post(url_of(certificate, slug), options)
    assert response.status_code == 200
    assert re.fullmatch(r'attachment; filename="[a-z0-9.-]+"', response["Content-Disposition"])
    assert "no-store" in response["Cache-Control"]
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response.content


def test_the_nginx_zip_has_the_full_chain_in_order_and_the_key_that_fits(browser, alice, certificate):
    content = browser(alice).post(url_of(certificate, "nginx")).content
    files = {name.rpartition("/")[2]: data for name, data in _unzipped(content).items()}
    chain = x509.load_pem_x509_certificates(files["shop-example.crt"])
    assert chain[0].issuer == chain[1].subject
    assert f"{chain[0].serial_number:x}" == certificate.serial.lstrip("0")
    key = serialization.load_pem_private_key(files["shop-example.key"], None)
    assert key.public_key() == chain[0].public_key()


def _unzipped(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {entry.filename: archive.read(entry) for entry in archive.infolist()}


@pytest.mark.parametrize(
    ("encryption", "cipher"), [("modern", "AES-256-CBC"), ("compatible", "3-KeyTripleDES-CBC")]
)
def test_openssl_opens_both_kinds_of_pfx_with_the_password_of_the_page(
    browser, alice, certificate, tmp_path, encryption, cipher
):
    client = browser(alice)
    password = password_on(client.get(url_of(certificate, "pfx")).content.decode())
    response = client.post(url_of(certificate, "pfx"), {"password": password, "encryption": encryption})
    file = tmp_path / "file.pfx"
    file.write_bytes(response.content)
    command = ["openssl", "pkcs12", "-in", str(file), "-info", "-noenc", "-passin"]
    opened = subprocess.run([*command, f"pass:{password}"], capture_output=True, text=True, check=False)
    assert opened.returncode == 0, opened.stderr
    assert opened.stdout.count("BEGIN CERTIFICATE") == 2
    assert "BEGIN PRIVATE KEY" in opened.stdout
    assert cipher.lower() in opened.stderr.lower()
    assert subprocess.run([*command, "pass:wrong-password"], capture_output=True, check=False).returncode != 0


def test_each_visit_of_the_pfx_page_has_a_new_password(browser, alice, certificate):
    client = browser(alice)
    pages = [client.get(url_of(certificate, "pfx")).content.decode() for _visit in range(3)]
    assert len({password_on(page) for page in pages}) == 3
    assert 'value="modern" checked' in " ".join(pages[0].split())


@pytest.mark.parametrize(
    ("posted", "status"),
    [
        ({"password": "short", "encryption": "modern"}, 400),
        ({"password": "", "encryption": "modern"}, 400),
        ({"password": "ü" * 20}, 400),
        ({"password": "a" * 5000}, 400),
        ({"password": IMPORT_PASSWORD, "encryption": "rot13"}, 400),
        ({"password": IMPORT_PASSWORD, "encryption": ""}, 400),
    ],
)
def test_a_meddled_pfx_form_gives_no_file(browser, alice, certificate, posted, status):
    response = browser(alice).post(url_of(certificate, "pfx"), posted)
    assert response.status_code == status
    assert "Content-Disposition" not in response
    assert not Entry.objects.filter(action="key:downloaded").exists()


def test_options_of_another_format_are_not_looked_at(browser, alice, certificate):
    response = browser(alice).post(
        url_of(certificate, "nginx"), {"password": "x", "encryption": "y", "slug": "../x"}
    )
    assert response.status_code == 200
    assert response["Content-Disposition"] == 'attachment; filename="shop-example-nginx.zip"'


def test_the_import_password_is_stored_nowhere(browser, alice, certificate, caplog, django_db_blocker):
    client = browser(alice)
    with caplog.at_level(logging.DEBUG):
        password = password_on(client.get(url_of(certificate, "pfx")).content.decode())
        client.post(url_of(certificate, "pfx"), {"password": password, "encryption": "modern"})
    assert password not in caplog.text
    assert not any(password in str(entry.details) for entry in Entry.objects.all())
    assert not any(password in str(row.get_decoded()) for row in Session.objects.all())


@pytest.mark.parametrize("slug", WITH_KEY)
def test_no_log_and_no_entry_holds_the_key(browser, alice, certificate, caplog, slug):
    with caplog.at_level(logging.DEBUG):
        browser(alice).post(url_of(certificate, slug), {"password": IMPORT_PASSWORD} if slug == "pfx" else {})
    secret = key_text(certificate)
    assert secret not in caplog.text
    assert not any(secret in str(entry.details) for entry in Entry.objects.all())


@pytest.mark.parametrize(
    ("slug", "action"),
    [(slug, "key:downloaded") for slug in WITH_KEY]
    + [(slug, "certificate:downloaded") for slug in WITHOUT_KEY],
)
def test_each_download_is_written_down_with_who_and_from_where(browser, alice, certificate, slug, action):
    client = browser(alice, address="203.0.113.99")
    client.get(url_of(certificate, slug))
    assert not Entry.objects.filter(action=action).exists()
    client.post(url_of(certificate, slug), {"password": IMPORT_PASSWORD} if slug == "pfx" else {})
    entry = Entry.objects.get(action=action)
    assert (entry.actor, entry.address, entry.plan_id) == (alice.email, "203.0.113.99", certificate.plan_id)
    assert entry.object_id == str(certificate.pk)
    assert entry.details["format"] == slug


# --- signing in again -------------------------------------------------------------------------------


@pytest.mark.parametrize("slug", WITH_KEY)
@pytest.mark.parametrize("method", ["get", "post"])
def test_whoever_signed_in_long_ago_is_asked_again_before_a_key(browser, alice, certificate, slug, method):
    response = getattr(browser(alice, ago=LONG_AGO), method)(url_of(certificate, slug))
    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/reauthenticate/")
    assert not Entry.objects.filter(action="key:downloaded").exists()


@pytest.mark.parametrize("slug", WITHOUT_KEY)
def test_nobody_is_asked_again_where_there_is_no_key(browser, alice, certificate, slug):
    client = browser(alice, ago=LONG_AGO)
    assert client.get(url_of(certificate, slug)).status_code == 200
    assert client.post(url_of(certificate, slug))["Content-Disposition"]


def test_the_limit_is_the_setting_to_the_second(browser, alice, certificate, settings):
    settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = 900
    assert browser(alice, ago=899).get(url_of(certificate, "key")).status_code == 200
    assert browser(alice, ago=900).get(url_of(certificate, "key")).status_code == 302


def test_a_sign_in_from_the_future_does_not_count(browser, alice, certificate):
    assert browser(alice, ago=-10_000).get(url_of(certificate, "key")).status_code == 302


def test_the_sign_in_of_somebody_else_in_this_browser_does_not_count(browser, alice, bob, certificate):
    client = browser(alice)
    session = client.session
    session["account_authentication_methods_user"] = str(bob.pk)
    session.save()
    assert client.post(url_of(certificate, "key")).status_code == 302


def test_a_real_sign_in_counts_at_once(db, alice, certificate, settings):
    from allauth.account.models import EmailAddress

    alice.set_password(PASSWORD)
    alice.save()
    EmailAddress.objects.create(user=alice, email=alice.email, verified=True, primary=True)
    client = Client()
    client.post("/accounts/login/", {"login": alice.email, "password": PASSWORD})
    assert client.get(url_of(certificate, "key")).status_code == 200


def test_a_post_that_waited_goes_on_after_signing_in_again(browser, alice, certificate):
    client = browser(alice, ago=LONG_AGO)
    asked = client.post(url_of(certificate, "nginx"))
    response = client.post(asked["Location"], {"password": PASSWORD})
    assert response["Content-Disposition"] == 'attachment; filename="shop-example-nginx.zip"'
    assert "no-store" in response["Cache-Control"]
    assert Entry.objects.filter(action="key:downloaded").count() == 1
    assert client.post(url_of(certificate, "key")).status_code == 200, "and is remembered"


def test_a_wrong_password_leaves_it_waiting(browser, alice, certificate):
    client = browser(alice, ago=LONG_AGO)
    asked = client.post(url_of(certificate, "nginx"))
    response = client.post(asked["Location"], {"password": "wrong password"})
    assert "Content-Disposition" not in response
    assert not Entry.objects.filter(action="key:downloaded").exists()


def test_the_import_password_does_not_wait_in_the_session(browser, alice, certificate):
    client = browser(alice, ago=LONG_AGO)
    asked = client.post(url_of(certificate, "pfx"), {"password": IMPORT_PASSWORD, "encryption": "compatible"})
    assert IMPORT_PASSWORD not in str(dict(client.session))
    page = client.post(asked["Location"], {"password": PASSWORD}).content.decode()
    assert "new import password" in page
    assert password_on(page) != IMPORT_PASSWORD
    assert 'value="compatible" checked' in " ".join(page.split())
    assert not Entry.objects.filter(action="key:downloaded").exists()


def test_whoever_has_no_password_sets_one_first(client, alice, certificate):
    client.force_login(alice, backend="accounts.backends.ByName")
    response = client.post(url_of(certificate, "key"))
    assert response["Location"] == reverse("account_set_password")


# --- keys that are not there ------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["destroyed", "pasted"])
def test_without_a_key_its_formats_are_gone_and_the_zips_leave_it_out(browser, alice, key):
    certificate = certificate_for(plan_for(alice), key=key)
    client = browser(alice, ago=LONG_AGO)
    for slug in ("pfx", "key"):
        assert client.get(url_of(certificate, slug)).status_code == 404
        assert client.post(url_of(certificate, slug), {"password": IMPORT_PASSWORD}).status_code == 404
    for slug in ("nginx", "apache"):
        assert "private key</span>" not in client.get(url_of(certificate, slug)).content.decode()
        names = _unzipped(client.post(url_of(certificate, slug)).content)
        assert not any(name.endswith(".key") for name in names)
    assert not Entry.objects.filter(action="key:downloaded").exists()


def destroy(client, certificate, **posted):
    return client.post(reverse("destroy-key", args=[certificate.pk]), posted)


def test_its_owner_destroys_the_key_for_good(browser, alice, certificate):
    client = browser(alice)
    client.get(url_of(certificate, "pfx"))
    response = destroy(client, certificate, sure="yes")
    assert response["Location"] == reverse("overview", args=[certificate.plan_id])
    key = PrivateKey.objects.get(issuance__certificate=certificate)
    assert (key.state, key.sealed) == ("destroyed", None)
    entry = Entry.objects.get(action="key:destroyed")
    assert (entry.actor, entry.address, entry.plan_id) == (alice.email, "203.0.113.7", certificate.plan_id)
    assert client.post(url_of(certificate, "pfx"), {"password": IMPORT_PASSWORD}).status_code == 404
    assert client.post(url_of(certificate, "key")).status_code == 404
    page = client.get(reverse("overview", args=[certificate.plan_id])).content.decode()
    assert "Destroyed at your wish" in page
    assert url_of(certificate, "pfx") not in page


def test_destroying_twice_is_written_down_once(browser, alice, certificate):
    client = browser(alice)
    destroy(client, certificate, sure="yes")
    destroy(client, certificate, sure="yes")
    assert Entry.objects.filter(action="key:destroyed").count() == 1


@pytest.mark.parametrize("posted", [{}, {"sure": ""}, {"sure": "no"}])
def test_without_the_tick_nothing_is_destroyed(browser, alice, certificate, posted):
    destroy(browser(alice), certificate, **posted)
    assert PrivateKey.objects.get().state == "held"


def test_nobody_else_destroys_it(browser, bob, alice, certificate):
    assert destroy(browser(bob), certificate, sure="yes").status_code == 404
    assert destroy(Client(), certificate, sure="yes").status_code == 302
    assert destroy(browser(alice, ago=LONG_AGO), certificate, sure="yes")["Location"].startswith(
        "/accounts/reauth"
    )
    assert browser(alice).get(reverse("destroy-key", args=[certificate.pk])).status_code == 405
    assert PrivateKey.objects.get().state == "held"


def test_a_key_that_does_not_open_is_said_so_and_not_sent(browser, alice, bob, certificate):
    PrivateKey.objects.update(owner=bob)  # a swapped row: the owner is bound into the seal
    response = browser(alice).post(url_of(certificate, "key"), follow=True)
    assert "could not be opened" in response.content.decode()
    assert not Entry.objects.filter(action="key:downloaded").exists()
