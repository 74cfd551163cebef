"""Validate once in the sandbox, as a newcomer meets it: set up one time at the hosting panel, then nobody acts any more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from runner import demo
from runner.browserless import Customer, wait_for
from runner.demo import Walk
from runner.installation import Installation
from tests.walk.conftest import installation

pytestmark = [pytest.mark.town, pytest.mark.server]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with ExitStack() as stack:
        yield installation(tmp_path_factory.mktemp("once"), "embedded", stack)


@pytest.fixture(scope="module")
def walk(town: Installation, tmp_path_factory: pytest.TempPathFactory) -> Walk:
    walk = Walk(town, Customer(town.portal_url), tmp_path_factory.mktemp("home"))
    demo.sign_up(walk)
    return walk


def set_up_once(walk: Walk, name: str, kind: str) -> None:
    """Buy, and do what "Validate once" proposes: that is all that is ever published for this name."""
    demo.order(walk, name)
    demo.pay(walk)
    customer, panel = walk.customer, walk.installation.env["HOSTING_PANEL_URL"]
    customer.go(customer.link("activation"))
    walk.plan_url = customer.url.split("activation/")[0]
    customer.submit("", csr_source="generated", key_type="ec-p256")
    customer.go(f"{walk.plan_url}activation/once/").submit("/once/1/", kind=kind)
    walk.publish(parse_qs(urlsplit(customer.link(f"{panel}/publish")).query))
    once = f"{walk.plan_url}activation/once/"
    wait_for(lambda: "All names prove themselves" in customer.go(once).text, "the look at the arrangement")


def finish(walk: Walk, method: str) -> None:
    """Steps 2 and 3."""
    customer = walk.customer
    customer.go(f"{walk.plan_url}activation/").submit("")
    customer.submit("", **customer.boxes(method))


def certificate(walk: Walk, unlike: str = "") -> str:
    """Wait for a certificate that is not this one; return where it can be downloaded."""

    def newest() -> str:
        found = re.search(r"/[^/\s\"]+/download/nginx/", walk.customer.go(walk.plan_url).text)
        return found.group(0) if found and found.group(0) != unlike else ""

    return str(wait_for(newest, "the certificate"))


def published(walk: Walk, name: str) -> dict:
    panel = walk.installation.env["HOSTING_PANEL_URL"]
    domains = requests.get(f"{panel}/api/domains", timeout=10).json()["domains"]
    return next(domain for domain in domains if domain["name"] == name)


def test_an_alias_published_once_issues_and_reissues_with_nobody_acting(walk: Walk) -> None:
    set_up_once(walk, "alias.example", "cname")
    finish(walk, "dns-01")
    first = certificate(walk)
    walk.customer.submit("/reissue/")
    assert certificate(walk, unlike=first) != first
    kept = published(walk, "alias.example")
    assert [record["type"] for record in kept["records"]] == ["CNAME"]
    assert kept["files"] == kept["redirects"] == []


def test_a_redirect_published_once_issues_and_reissues_with_nobody_acting(walk: Walk) -> None:
    set_up_once(walk, "redirect.example", "redirect")
    finish(walk, "http-01")
    first = certificate(walk)
    walk.customer.submit("/reissue/")
    assert certificate(walk, unlike=first) != first
    kept = published(walk, "redirect.example")
    assert [redirect["host"] for redirect in kept["redirects"]] == ["redirect.example"]
    assert kept["files"] == kept["records"] == []


def test_only_challenges_reach_the_portal_by_its_name_for_cas(town: Installation) -> None:
    base = f"http://127.0.0.1:{town.env['VALIDATION_HTTP_PORT']}"
    host = {"Host": urlsplit(town.env["CHALLENGE_REDIRECT_URL"]).netloc}
    for path in (
        "/",
        "/accounts/login/",
        "/dcv/../accounts/login/",
        "/dcv/%2e%2e/accounts/login/",
        "/dcv/x/y",
    ):
        request = requests.Request("GET", base, headers=host).prepare()
        request.url = base + path
        with requests.Session() as session:
            assert session.send(request, timeout=10).status_code == 404, path
