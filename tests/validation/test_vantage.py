"""validation/vantage.py and its endpoint: what others see informs and delays, and no more."""

from __future__ import annotations

import json
import time
from datetime import timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured

from tests.conftest import NOW
from tests.validation.conftest import KEY_AUTHORIZATION, TOKEN
from tests.validation.fake_web import FakeWeb, drip, endless, page, raw, redirect, silence
from validation import doctor, vantage
from validation.key_authorization import value_of

VALUE = value_of(KEY_AUTHORIZATION)
NAME = "_acme-challenge.shop.example"
SECRET = "between-the-two-of-us"


@pytest.fixture
def there(settings):
    """Another place that looks too, and what it answers."""
    server = FakeWeb()
    settings.VANTAGE_POINTS = [f"http://127.0.0.1:{server.port}/vantage"]
    settings.VANTAGE_TOKEN = SECRET
    yield server
    server.close()


@pytest.fixture
def row(alice, authorization_of, dns):
    dns.txt(NAME, VALUE)
    return authorization_of(alice)


def sees(in_place: bool, finding: str, seen: str = ""):
    return page(json.dumps({"in_place": in_place, "finding": finding, "seen": seen}))


def examine(row, now=NOW):
    return doctor.examine(row, row.challenge(), now)


def test_what_all_see_is_in_place(row, there):
    there.pages["/vantage"] = sees(True, "in_place")
    assert examine(row).in_place
    asked = there.requests[0]
    assert f"Authorization: Bearer {SECRET}" in asked


def test_what_is_not_there_from_elsewhere_informs_and_delays_but_never_blocks(row, there):
    there.pages["/vantage"] = sees(False, "dns_nothing")
    first = examine(row)
    assert (first.slug, first.in_place) == ("vantage_elsewhere", False)
    assert "127.0.0.1" in first.title
    assert "There is no TXT record" in first.title
    row.finding = first.as_json()
    assert not examine(row, NOW + doctor.PATIENCE - timedelta(seconds=1)).in_place
    assert examine(row, NOW + doctor.PATIENCE).in_place


def test_nobody_is_asked_before_it_is_there(row, there, dns):
    dns.remove(NAME, "TXT")
    assert examine(row).slug == "dns_nothing"
    assert there.requests == []


@pytest.mark.parametrize(
    "answer",
    [
        page("[]"), page("{}"), page("not JSON"), page('{"in_place": "no"}'), page("{}", 500), page("no", 404),
        redirect("http://127.0.0.1:1/"), endless, raw(b"SSH-2.0-x\r\n"), page("[" * 90000),
    ],
)  # fmt: skip
def test_a_vantage_point_that_talks_nonsense_is_left_out(row, there, answer):
    there.pages["/vantage"] = answer
    assert examine(row).in_place


@pytest.mark.parametrize(
    "answer",
    [
        silence,
        drip(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 150, 1.0),
        drip(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 150, 1.0),
    ],
    ids=["silent", "slow body", "slow headers"],
)
def test_a_vantage_point_that_is_slow_is_left_out_in_time(row, there, answer, monkeypatch):
    monkeypatch.setattr(vantage, "SECONDS", 1.0)
    monkeypatch.setattr(vantage, "SECONDS_TO_CONNECT", 1.0)
    there.pages["/vantage"] = answer
    begun = time.monotonic()
    assert examine(row).in_place
    assert time.monotonic() - begun < 25, "half a minute of silence, three to its last byte"


def test_a_closed_vantage_point_is_left_out(row, there):
    there.close()
    assert examine(row).in_place


def test_control_characters_and_unknown_words_of_a_vantage_point_are_not_shown(row, there):
    there.pages["/vantage"] = sees(False, "<script>", "\x1b[31m\u202e" + "x" * 900)
    finding = examine(row)
    assert finding.seen.isprintable()
    assert len(finding.seen) <= 200
    assert "<script>" not in finding.title


@pytest.mark.parametrize(
    "url", ["http://vantage.example/", "ftp://vantage.example/", "vantage.example", "https://"]
)
def test_values_are_told_over_https_only(settings, url):
    settings.VANTAGE_POINTS = [url]
    with pytest.raises(ImproperlyConfigured):
        vantage.points()


def test_in_production_not_even_loopback_goes_without_https(settings):
    settings.SANDBOX = False
    settings.VANTAGE_POINTS = ["http://127.0.0.1/vantage"]
    with pytest.raises(ImproperlyConfigured):
        vantage.points()


# --- being one for others -------------------------------------------------------------------------------


def ask(client, question: object, token: str = SECRET):
    body = question if isinstance(question, str) else json.dumps(question)
    headers = {"Authorization": f"Bearer {token}"}
    return client.post("/vantage", body, content_type="application/json", headers=headers)


def about(method: str = "dns-01", **other) -> dict[str, str]:
    expected = VALUE if method == "dns-01" else KEY_AUTHORIZATION
    return {"name": "shop.example", "method": method, "expected": expected} | other


def test_a_portal_tells_another_what_it_sees_in_dns(client, settings, dns):
    settings.VANTAGE_TOKEN = SECRET
    assert ask(client, about()).json() == {"in_place": False, "finding": "dns_nothing", "seen": ""}
    dns.txt(NAME, VALUE)
    assert ask(client, about()).json() == {"in_place": True, "finding": "in_place", "seen": VALUE}


def test_a_portal_tells_another_what_it_sees_on_the_web(client, settings, dns, web):
    settings.VANTAGE_TOKEN = SECRET
    dns.add("shop.example", "A", "127.0.0.1")
    assert ask(client, about("http-01")).json()["finding"] == "http_not_found"
    web.pages[f"/.well-known/acme-challenge/{TOKEN}"] = page(KEY_AUTHORIZATION)
    assert ask(client, about("http-01")).json()["in_place"] is True


def test_it_goes_nowhere_that_a_look_of_its_own_would_not(client, settings, dns, web):
    settings.VANTAGE_TOKEN = SECRET
    settings.VALIDATION_ALLOWED_NETWORKS = []
    for address in ("127.0.0.1", "169.254.169.254", "10.0.0.1"):
        dns.add("shop.example", "A", address)
        assert ask(client, about("http-01")).json()["finding"] == "http_private_address"
    assert web.connections == 0


@pytest.mark.parametrize("token", ["", "wrong", SECRET[:-1], f"{SECRET} ", "é"])
def test_without_the_token_there_is_nothing_here(client, settings, token):
    settings.VANTAGE_TOKEN = SECRET
    assert ask(client, about(), token).status_code == 404
    settings.VANTAGE_TOKEN = ""
    assert ask(client, about(), token).status_code == 404


@pytest.mark.parametrize(
    "question",
    [
        "no JSON", "[]", "{}", about(method="email"), about(expected="x"), about(expected="../../etc/passwd"),
        about(name="*.shop.example"), about(name="localhost"), about(name="a" * 300), about(name="shop.example/x"),
        about(name="http://shop.example"), about("http-01", expected=f"../../x.{VALUE}"), about(filler="x" * 3000),
    ],
)  # fmt: skip
def test_a_question_that_is_none_is_refused(client, settings, dns, question):
    settings.VANTAGE_TOKEN = SECRET
    assert ask(client, question).status_code == 400
    assert dns.asked == []
