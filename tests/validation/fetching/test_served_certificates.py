"""The certificate that every address shows."""

from __future__ import annotations

import time

from tests.validation.fake_web import (
    FakeWeb,
    raw,
    tls_context,
)
from tests.validation.fetching.looks import LONG, impatient
from validation.fetcher import Fetcher


def test_it_keeps_the_certificate_every_address_shows(dns, open_web, tmp_path):
    context, der = tls_context(tmp_path, "shop.example")
    first = open_web("127.0.0.1", context=context)
    open_web("127.0.0.2", context=context)
    dns.add("shop.example", "A", "127.0.0.1", "127.0.0.2", "127.0.0.3")
    shown = {chain.address: chain for chain in Fetcher.configured().served_chain("shop.example", first.port)}
    assert shown["127.0.0.1"].chain_der == shown["127.0.0.2"].chain_der == (der,)
    assert shown["127.0.0.1"].tls_version == "TLSv1.3"
    assert shown["127.0.0.3"].problem == "http_refused"


def test_a_server_that_speaks_no_tls_is_said_so(dns, web):
    dns.add("shop.example", "A", "127.0.0.1")
    web.otherwise = raw(b"HTTP/1.1 400 Bad\r\n\r\n")
    plain = FakeWeb("127.0.0.1")
    (chain,) = impatient(dns, plain).served_chain("shop.example", plain.port)
    assert chain.problem in {"http_tls_error", "http_timeout"}
    assert chain.chain_der == ()
    plain.close()


def test_a_handshake_that_never_ends_ends_at_the_deadline(dns, web):
    dns.add("shop.example", "A", "127.0.0.1")
    begin = time.monotonic()
    (chain,) = impatient(dns, web).served_chain("shop.example", web.port)
    assert chain.problem == "http_timeout"
    assert time.monotonic() - begin < LONG
