"""Fetchers in a hurry, and where they look."""

from __future__ import annotations

from tests.validation.conftest import TOKEN
from validation.addresses import networks
from validation.answers import Server
from validation.fetcher import Fetcher
from validation.resolver import Resolver

PATH = f"/.well-known/acme-challenge/{TOKEN}"
URL = f"http://shop.example{PATH}"

# What a look of less than a second may take on a busy machine; those that drip or keep silent do so for longer.
LONG = 25.0


def impatient(dns, web, seconds: float = 0.6) -> Fetcher:
    return Fetcher(
        resolver=lambda deadline: Resolver(nameservers=[Server("127.0.0.1", dns.port)], deadline=deadline),
        allowed=networks(["127.0.0.0/8"]),
        ports={80: web.port, 443: web.port},
        seconds=seconds,
    )
