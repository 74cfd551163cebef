"""Vantage points: other places that look at the same name, as CAs do from several parts of the world (BR 3.2.2.9).

The operator names them by URL; docs/operating.md has the protocol. What they see informs, and delays a little; a vantage
point that does not answer is left out. Any portal can be one for another.
"""

from __future__ import annotations

import ipaddress
import json
import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import requests
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from urllib3.exceptions import HTTPError

from outbound import call
from validation.deadline import Deadline
from validation.key_authorization import value_of
from validation.models import Challenge
from validation.problems import PROBLEMS, Finding
from validation.untrusted import clean

log = logging.getLogger(__name__)

SECONDS = 12.0
SECONDS_TO_CONNECT = 4.0
LARGEST = 16 * 1024
MOST_POINTS = 5


@dataclass(frozen=True)
class Sight:
    """What one vantage point, named by its host, saw; `slug` is a finding's."""

    vantage: str
    in_place: bool
    slug: str
    seen: str = ""


class Unusable(Exception):
    """The vantage point gave no answer that can be read."""


def points() -> tuple[str, ...]:
    """The URLs of the settings. Raises ImproperlyConfigured: they are told values that customers keep to themselves."""
    for url in settings.VANTAGE_POINTS:
        parts = urlsplit(url)
        loopback = settings.SANDBOX and _is_loopback(parts.hostname or "")
        if not parts.hostname or (parts.scheme != "https" and not (parts.scheme == "http" and loopback)):
            raise ImproperlyConfigured(f"a vantage point is asked over https: {url!r}")
    return tuple(settings.VANTAGE_POINTS[:MOST_POINTS])


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def from_elsewhere(finding: Finding, identifier: str, challenge: Challenge) -> Finding | None:
    """What is in place here and is not somewhere else, None where all see the same."""
    expected = challenge.key_authorization
    if challenge.type not in ("dns-01", "http-01") or not points():
        return None
    question = {
        "name": identifier,
        "method": challenge.type,
        "expected": value_of(expected) if challenge.type == "dns-01" else expected,
    }
    for sight in ask(points(), question):
        if not sight.in_place:
            there = Finding(sight.slug, in_place=False, seen=sight.seen, facts=finding.facts)
            facts = {**finding.facts, "vantage": sight.vantage, "there": there.title}
            return replace(finding, slug="vantage_elsewhere", in_place=False, seen=sight.seen, facts=facts)
    return None


def ask(urls: Sequence[str], question: dict[str, str]) -> list[Sight]:
    """Ask all of them at once; those that give no usable answer are missing from the list."""
    told: dict[str, Sight | Exception] = {}

    def put(url: str) -> None:
        try:
            told[url] = _ask(url, question)
        except (Unusable, requests.RequestException, HTTPError, OSError) as trouble:
            told[url] = trouble

    # Who sends its headers byte by byte is not waited for, also not at the process's end: each byte would start the
    # socket's own time limit anew.
    asking = [threading.Thread(target=put, args=(url,), daemon=True) for url in urls]
    for thread in asking:
        thread.start()
    deadline = Deadline(SECONDS + SECONDS_TO_CONNECT)
    for thread in asking:
        thread.join(deadline.remaining)
    sights = []
    for url in urls:
        answer = told.get(url, Unusable("too slow"))
        if isinstance(answer, Sight):
            sights.append(answer)
        else:
            log.warning("the vantage point %s gave no answer: %s", urlsplit(url).hostname, answer)
    return sights


def _ask(url: str, question: dict[str, str]) -> Sight:
    host = urlsplit(url).hostname or ""
    deadline = Deadline(SECONDS)
    headers = {"Authorization": f"Bearer {settings.VANTAGE_TOKEN}", "Accept-Encoding": "identity"}
    with call("web", "vantage", host) as this, requests.Session() as session:
        session.trust_env = False
        with session.post(
            url,
            json=question,
            headers=headers,
            timeout=(SECONDS_TO_CONNECT, SECONDS),
            stream=True,
            allow_redirects=False,
        ) as answer:
            this.outcome = str(answer.status_code)
            if answer.status_code != 200:
                raise Unusable(f"status {answer.status_code}")
            return _read(host, _body(answer, deadline))


def _body(answer: requests.Response, deadline: Deadline) -> bytes:
    body = b""
    # What has arrived, not a full piece: a body that trickles would hold us for as long as it takes to fill one.
    while piece := answer.raw.read1(1024):
        body += piece
        if len(body) > LARGEST or deadline.passed:
            raise Unusable("too long")
    return body


def _read(host: str, body: bytes) -> Sight:
    try:
        told: Any = json.loads(body)
    except ValueError as exc:
        raise Unusable("not JSON") from exc
    if not isinstance(told, dict) or not isinstance(told.get("in_place"), bool):
        raise Unusable("not the agreed form")
    slug = told.get("finding")
    known = slug if isinstance(slug, str) and slug in PROBLEMS else "look_failed"
    return Sight(host, told["in_place"], known, clean(str(told.get("seen", "")), 200))
