"""Retry-After in both forms, links, and which URLs of a CA are ever used."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from certificates.connectors.problems import ProtocolViolation
from certificates.connectors.rfc8555.headers import (
    LONGEST_WAIT,
    https_url,
    links,
    parse_retry_after,
    require_https,
    retry_at_of_refusal,
    web_url,
)

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("120", NOW + timedelta(seconds=120)),
        (" 0 ", NOW),
        ("Mon, 23 Nov 2026 12:10:00 GMT", NOW + timedelta(minutes=10)),
        ("Monday, 23-Nov-26 12:10:00 GMT", NOW + timedelta(minutes=10)),
        ("Mon Nov 23 12:10:00 2026", NOW + timedelta(minutes=10)),
        ("Mon, 23 Nov 2026 07:10:00 -0500", NOW + timedelta(minutes=10)),
        ("Mon, 23 Nov 2026 11:00:00 GMT", NOW),
        ("9" * 400, NOW + LONGEST_WAIT),
        ("Fri, 01 Jan 2100 00:00:00 GMT", NOW + LONGEST_WAIT),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("٣", None),
        (None, None),
    ],
)
def test_it_reads_retry_after_as_aware_utc(value: str | None, expected: datetime | None) -> None:
    assert parse_retry_after(value, now=NOW) == expected


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
def test_an_http_date_does_not_depend_on_the_workers_time_zone(
    zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        for date in ("Mon, 23 Nov 2026 12:10:00 GMT", "Mon Nov 23 12:10:00 2026"):
            assert parse_retry_after(date, now=NOW) == NOW + timedelta(minutes=10)
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ("value", "status", "rate_limited", "wait"),
    [
        ("90", 429, True, timedelta(seconds=90)),
        (None, 429, False, timedelta(hours=1)),
        (None, 403, True, timedelta(hours=1)),
        ("nonsense", 429, False, timedelta(hours=1)),
        ("0", 429, False, timedelta(hours=1)),
        (None, 503, False, timedelta(seconds=60)),
        ("Mon, 23 Nov 2026 12:05:00 GMT", 503, False, timedelta(minutes=5)),
        ("30", 500, False, timedelta(seconds=30)),
    ],
)
def test_a_refusal_always_says_when(
    value: str | None, status: int, rate_limited: bool, wait: timedelta
) -> None:
    assert retry_at_of_refusal(value, status=status, rate_limited=rate_limited, now=NOW) == NOW + wait


def test_an_error_that_asks_for_no_wait_has_none() -> None:
    assert retry_at_of_refusal(None, status=500, rate_limited=False, now=NOW) is None


@pytest.mark.parametrize(
    "value",
    [
        "http://ca.example/order/1",
        "ftp://ca.example/",
        "javascript:alert(1)",
        "data:text/plain,x",
        "https://",
        "https:///path",
        "https://user:secret@ca.example/",
        "https://ca.example/a b",
        "https://ca.example/é",
        "https://ca.example:0/",
        "https://ca.example:99999/",
        "https://[::1/",
        "https://ca.example/" + "x" * 3000,
        "",
        None,
        7,
        ["https://ca.example/"],
    ],
)
def test_it_uses_no_url_that_is_not_plain_https(value: object) -> None:
    assert https_url(value) is None
    with pytest.raises(ProtocolViolation):
        require_https(value, "order URL")


def test_a_link_may_be_http_but_is_never_asked_for() -> None:
    assert web_url("http://ca.example/terms") == "http://ca.example/terms"
    assert https_url("http://ca.example/terms") is None
    assert web_url("javascript:alert(1)") is None


def test_a_relative_url_is_read_from_where_it_was_sent() -> None:
    assert (
        require_https("../order/2", "order URL", base="https://ca.example/acme/new")
        == "https://ca.example/order/2"
    )
    assert https_url("/order/2", base="http://ca.example/") is None


def test_it_finds_links_by_relation() -> None:
    field = (
        '<https://ca.example/c/1>;rel="alternate", </c/2>; title="x, y"; rel="index alternate", '
        '<https://ca.example/tos>;rel="terms-of-service", <http://ca.example/c/3>;rel="alternate"'
    )
    base = "https://ca.example/c/0"
    assert links(field, "alternate", base=base) == ("https://ca.example/c/1", "https://ca.example/c/2")
    assert links(field, "terms-of-service", base=base) == ("https://ca.example/tos",)
    assert (
        links(field, "up", base=base) == links(None, "up", base=base) == links(";;,<", "up", base=base) == ()
    )
