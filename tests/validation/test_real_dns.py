"""The resolver against the real thing: BIND with a customer's zone, and the sandbox's own DNS."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

from sandbox.free_ports import free_port
from tests.conftest import NOW
from tests.validation.bind import until_loaded
from tests.validation.conftest import KEY_AUTHORIZATION
from validation.addresses import networks
from validation.answers import Server
from validation.caa import permits
from validation.methods.dns_01 import Dns01, value_of
from validation.resolver import Resolver

pytestmark = pytest.mark.server
VALUE = value_of(KEY_AUTHORIZATION)
LARGE = "\n".join(f'big IN TXT "{n:03d}{"x" * 200}"' for n in range(60))

ZONE = f"""
$TTL 300
@ IN SOA ns1 hostmaster 1 3600 600 86400 900
@ IN NS ns1
@ IN NS ns2
ns1 IN A 127.0.0.1
ns2 IN A 127.0.0.1
@ IN A 127.0.0.1
@ IN MX 10 mail
@ IN CAA 0 issue "ca.example"
@ IN CAA 0 issuewild ";"
_acme-challenge IN TXT "{VALUE}"
_acme-challenge.alias IN CNAME abc.dcv.example.
_acme-challenge.quoted IN TXT "\\"{VALUE}\\""
_acme-challenge.split IN TXT "{VALUE[:30]}" "{VALUE[30:]}"
_acme-challenge.loop IN CNAME _acme-challenge.loop2
_acme-challenge.loop2 IN CNAME _acme-challenge.loop
_acme-challenge.doubled.shop.example IN TXT "{VALUE}"
other IN CAA 0 issue "letsencrypt.org"
{LARGE}
"""
DCV = f"""
$TTL 60
@ IN SOA ns1 hostmaster 1 3600 600 86400 60
@ IN NS ns1
ns1 IN A 127.0.0.1
abc IN TXT "{VALUE}"
abc IN TXT "another customer's"
"""
CONF = """
options {{
  directory "{folder}"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
  pid-file "{folder}/named.pid"; session-keyfile "{folder}/session.key"; recursion no; dnssec-validation no;
  notify no; minimal-responses yes;
}};
controls {{ }};
zone "shop.example" {{ type primary; file "shop.zone"; }};
zone "dcv.example" {{ type primary; file "dcv.zone"; }};
"""


def until_open(port: int, process: subprocess.Popen) -> None:
    for _ in range(200):
        assert process.poll() is None, "the server ended"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("the server did not start")


def program(name: str) -> str:
    found = shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    assert found, f"{name} is not installed"
    return found


@pytest.fixture(scope="module")
def bind(tmp_path_factory):
    """The port of a BIND that is primary for shop.example and dcv.example."""
    folder: Path = tmp_path_factory.mktemp("bind")
    port = free_port()
    (folder / "shop.zone").write_text(ZONE)
    (folder / "dcv.zone").write_text(DCV)
    (folder / "named.conf").write_text(CONF.format(folder=folder, port=port))
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([program("named"), "-g", "-c", str(folder / "named.conf")], stderr=log)
    try:
        until_open(port, process)
        until_loaded(port, ("shop.example", "dcv.example"))
        yield port
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def walking(bind):
    return lambda: Resolver(
        recursives=[Server("127.0.0.1", bind)], allowed=networks(["127.0.0.0/8"]), port=bind
    )


@pytest.fixture
def look(walking, alice, authorization_of):
    def at(identifier: str):
        row = authorization_of(alice, identifier)
        return Dns01(make_resolver=walking).look(row, row.challenge(), NOW)

    return at


@pytest.mark.parametrize(
    ("identifier", "slug"),
    [
        ("shop.example", "in_place"),
        ("alias.shop.example", "in_place"),
        ("split.shop.example", "in_place"),
        ("quoted.shop.example", "dns_quotes"),
        ("loop.shop.example", "dns_cname_loop"),
        ("doubled.shop.example", "dns_doubled_host"),
        ("www.shop.example", "dns_at_parent"),
        ("nothing.dcv.example", "dns_nothing"),
        ("elsewhere.test", "dns_servfail"),
    ],
)
def test_what_bind_answers_is_understood(look, identifier, slug):
    assert look(identifier).slug == slug


def test_bind_is_asked_over_tcp_for_a_large_set(walking):
    assert len(walking().txt("big.shop.example").values) == 60


def test_bind_tells_zone_servers_and_negative_ttl(walking):
    answer = walking().txt("none.shop.example")
    assert (answer.zone, answer.rcode, answer.negative_ttl) == ("shop.example", "NXDOMAIN", 300)
    assert walking().authoritative("a.b.dcv.example").zone == "dcv.example"
    assert walking().mx("shop.example").values == ("10 mail.shop.example.",)
    assert walking().addresses("shop.example").v4 == ("127.0.0.1",)


@pytest.mark.parametrize(
    ("name", "wildcard", "reason", "found_at"),
    [
        ("shop.example", False, "caa_allows", "shop.example"),
        ("www.shop.example", False, "caa_allows", "shop.example"),
        ("shop.example", True, "caa_wildcard", "shop.example"),
        ("other.shop.example", False, "caa_other_issuer", "other.shop.example"),
    ],
)
def test_caa_is_read_from_bind(walking, name, wildcard, reason, found_at):
    report = permits(name, wildcard, ["ca.example"], resolver=walking())
    assert (report.reason, report.found_at) == (reason, found_at)


# --- the sandbox's DNS --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sandbox_dns():
    """Ports of pebble-challtestsrv: DNS and its management API."""
    port, management = free_port(), free_port()
    process = subprocess.Popen(
        [
            program("pebble-challtestsrv"), "-dns01", f"127.0.0.1:{port}", "-management", f"127.0.0.1:{management}",
            "-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv6", "",
        ],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until_open(management, process)
        until_open(port, process)
        yield port, management
    finally:
        process.terminate()
        process.wait(10)


def test_the_sandbox_dns_is_understood(sandbox_dns, settings, alice, authorization_of):
    port, management = sandbox_dns
    settings.VALIDATION_NAMESERVERS = [f"127.0.0.1:{port}"]

    def manage(verb: str, **values) -> None:
        body = json.dumps(values).encode()
        urllib.request.urlopen(f"http://127.0.0.1:{management}/{verb}", data=body, timeout=5).close()

    row = authorization_of(alice)
    look = lambda: Dns01().look(row, row.challenge(), NOW).slug  # noqa: E731
    assert look() == "dns_nothing"
    manage("set-txt", host="_acme-challenge.shop.example.shop.example.", value=VALUE)
    assert look() == "dns_doubled_host"
    manage("set-txt", host="_acme-challenge.shop.example.", value="x")
    manage("set-txt", host="_acme-challenge.shop.example.", value=VALUE)
    assert look() == "in_place"
    assert Resolver.configured().addresses("shop.example").v4 == ("127.0.0.1",)
    assert permits("www.shop.example", False, ["ca.example"]).reason == "caa_none"
    manage("add-caa", host="shop.example.", policies=[{"tag": "issue", "value": "letsencrypt.org"}])
    assert permits("www.shop.example", False, ["ca.example"]).reason == "caa_other_issuer"
