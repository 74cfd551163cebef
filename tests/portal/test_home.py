"""The first page, the health pages, the theme, the style guide and the error pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.template.loader import render_to_string
from django.test import Client

from portal import theme

ROOT = Path(settings.BASE_DIR)
OWN_TEMPLATES = [
    path
    for folder in ("portal", "components", "account", "mfa", "allauth", "orders", "certificates")
    for path in sorted((ROOT / "templates" / folder).rglob("*.html"))
] + sorted((ROOT / "templates").glob("*.html"))


def test_the_first_page_says_what_it_is_for_and_how_to_order(client, db):
    page = client.get("/").content.decode()
    assert "Order now" in page
    assert page.count("<h1") == 1
    assert 'href="/products/"' in page


def test_every_page_has_a_skip_link_a_main_part_and_the_theme(client, db):
    page = client.get("/guides/").content.decode()
    assert 'href="#main"' in page
    assert 'id="main"' in page
    assert f"/theme.css?v={theme.version(settings.PORTAL_ACCENT)}" in page


def test_the_sandbox_says_that_it_is_one(client, db, settings):
    settings.PORTAL_ENV = "sandbox"
    assert "4242 4242 4242 4242" in client.get("/").content.decode()


def test_production_shows_neither_banner_nor_style_guide(client, db, settings):
    settings.PORTAL_ENV = "production"
    page = client.get("/").content.decode()
    assert "4242" not in page
    assert "/styleguide/" not in page
    assert client.get("/styleguide/").status_code == 404


def test_the_style_guide_shows_every_headline_word(client, db, settings):
    settings.PORTAL_ENV = "sandbox"
    page = client.get("/styleguide/").content.decode()
    for word in ("Payment needed", "Waiting for you", "Issued, not installed", "Secured", "Cancelled"):
        assert word in page


def test_the_process_is_alive_without_a_database(client):
    # No `db` fixture: a query here would fail the test.
    answer = client.get("/health/live")
    assert (answer.status_code, answer.content) == (200, b"alive\n")


def test_readiness_is_stored_by_nobody(client, db):
    answer = client.get("/health/ready")
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]


def test_the_theme_is_kept_for_ever_under_its_version_and_asked_for_without(client):
    versioned = client.get("/theme.css", {"v": theme.version(settings.PORTAL_ACCENT)})
    assert "immutable" in versioned["Cache-Control"]
    assert versioned["Content-Type"].startswith("text/css")
    assert client.get("/theme.css", {"v": "old"})["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    "value", ["", "red", "#12345", "#0b6bcb;}body{display:none", "url(https://x)", "#0b6bcb\n", "#0b6bcg"]
)
def test_an_accent_that_is_no_colour_never_reaches_the_style_sheet(value):
    if value.strip() == "#0b6bcb":
        assert theme.parse_hex(value) == (0x0B, 0x6B, 0xCB)
    else:
        with pytest.raises(ImproperlyConfigured):
            theme.stylesheet(value)


@pytest.mark.parametrize(
    "accent", ["#0b6bcb", "#fff", "#000", "#ffff00", "#f0f", "#777777", "#7fffd4", "#8b0000", "#1a7f37"]
)
def test_any_accent_is_readable_on_light_and_on_dark(accent):
    colour = theme.parse_hex(accent)
    for palette, grounds in (
        (theme.light(colour), (theme.LIGHT_GROUND, theme.WHITE)),
        (theme.dark(colour), (theme.DARK_SURFACE, (0x10, 0x14, 0x1A))),
    ):
        assert theme.contrast(palette.ink, palette.fill) >= 4.5
        assert theme.contrast(palette.ink, palette.strong) >= 4.5
        assert theme.contrast(palette.text, palette.soft) >= 4.5
        for ground in grounds:
            assert theme.contrast(palette.text, ground) >= 4.5
            assert theme.contrast(palette.fill, ground) >= 3


def test_a_page_that_is_not_there_says_what_to_do(client, db):
    answer = client.get("/no/such/page/")
    assert answer.status_code == 404
    assert "There is no such page" in answer.content.decode()


def test_a_form_without_its_token_is_explained(db):
    answer = Client(enforce_csrf_checks=True).post("/accounts/login/", {"login": "a@example.org"})
    assert answer.status_code == 403
    assert "too old to be sent" in answer.content.decode()


def test_the_page_of_an_accident_needs_no_context_and_no_database():
    page = render_to_string("500.html")
    assert "Something broke on our side" in page
    assert page.count("<h1") == 1


def test_the_page_for_too_many_tries_renders(client, db, rf):
    assert "A little too fast" in render_to_string("429.html", request=rf.get("/"))


@pytest.mark.parametrize("path", OWN_TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_no_template_needs_what_the_csp_forbids(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"\sstyle\s*=", text)
    assert not re.search(r"<style\b", text)
    assert not re.search(r"\son[a-z]+\s*=\s*[\"']", text)
    assert "javascript:" not in text
    assert not re.search(r"hx-on|hx-vals=.js:", text)
    for tag in re.findall(r"<script\b[^>]*>", text):
        assert "src=" in tag or "application/json" in tag


@pytest.mark.parametrize(
    "url", ["/accounts/login/", "/accounts/signup/", "/accounts/password/reset/", "/accounts/confirm-email/"]
)
def test_the_doors_to_an_account_use_our_layout(client, db, url):
    page = client.get(url).content.decode()
    assert 'class="card entrance"' in page
    assert page.count("<h1") == 1


def test_signing_in_with_a_passkey_needs_no_inline_script(client, db):
    page = client.get("/accounts/login/").content.decode()
    assert "mfa/js/webauthn" in page
    assert 'data-allauth-onload="allauth.webauthn.forms.loginForm" type="application/json"' in page
