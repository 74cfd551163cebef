"""The operator's own zone in the town: written by signed updates, seen through customers' aliases by everybody."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.tsigkeyring
import dns.update
import httpx
import pytest

from tests.sandbox.newcomer import Newcomer
from tests.sandbox.running import RunningTown, running_town

pytestmark = pytest.mark.town
WRONG_SECRET = base64.b64encode(b"another key").decode()


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTown]:
    with running_town(tmp_path_factory.mktemp("town")) as running:
        yield running


class Operator:
    """Whoever holds the key of the zone that the town hands out."""

    def __init__(self, town: RunningTown) -> None:
        self.env = town.env
        self.zone = town.env["DELEGATION_ZONE"]
        host, _, port = town.env["DELEGATION_SERVER"].rpartition(":")
        self.server, self.port = host, int(port)

    def update(self, secret: str | None = "", zone: str = "") -> dns.update.UpdateMessage:
        """An empty update, signed with the town's key, another one, or (None) none."""
        key = self.env["DELEGATION_TSIG_NAME"]
        keyring = (
            None
            if secret is None
            else dns.tsigkeyring.from_text({key: secret or self.env["DELEGATION_TSIG_SECRET"]})
        )
        return dns.update.UpdateMessage(zone or self.zone, keyring=keyring)

    def add(self, label: str, value: str) -> dns.rcode.Rcode:
        update = self.update()
        update.add(label, 60, "TXT", f'"{value}"')
        return self.send(update)

    def remove(self, label: str, value: str) -> dns.rcode.Rcode:
        update = self.update()
        update.delete(label, "TXT", f'"{value}"')
        return self.send(update)

    def send(self, update: dns.update.UpdateMessage) -> dns.rcode.Rcode:
        return dns.query.tcp(update, self.server, port=self.port, timeout=3).rcode()

    def ask(self, name: str, kind: str = "TXT", *, tcp: bool = False) -> dns.message.Message:
        query = dns.message.make_query(name, kind)
        send = dns.query.tcp if tcp else dns.query.udp
        return send(query, self.server, port=self.port, timeout=3)

    def values(self, name: str, kind: str = "TXT", *, tcp: bool = False) -> list[str]:
        return sorted(str(item) for rrset in self.ask(name, kind, tcp=tcp).answer for item in rrset)


@pytest.fixture
def operator(town: RunningTown) -> Operator:
    return Operator(town)


def alias(town: RunningTown, name: str, target: str) -> None:
    body = {"type": "CNAME", "name": name, "value": target}
    assert httpx.post(f"{town.panel}/api/records", json=body).status_code == 201


def test_two_values_stand_at_one_label_until_each_is_taken_away(operator: Operator) -> None:
    name = f"two.{operator.zone}"
    for value in ("one", "two", "one"):
        assert operator.add("two", value) == dns.rcode.NOERROR
    assert operator.values(name) == operator.values(name, tcp=True) == ['"one"', '"two"']
    assert operator.remove("two", "one") == dns.rcode.NOERROR
    assert operator.values(name) == ['"two"']
    assert operator.remove("two", "two") == dns.rcode.NOERROR
    gone = operator.ask(name)
    assert gone.rcode() == dns.rcode.NXDOMAIN
    assert str(gone.authority[0].name) == f"{operator.zone}."


def test_the_zone_says_that_it_is_one(operator: Operator) -> None:
    assert operator.values(operator.zone, "NS") == [f"ns.{operator.zone}."]
    assert operator.values(operator.zone, "SOA")[0].startswith(f"ns.{operator.zone}. ")
    assert operator.values(f"ns.{operator.zone}", "A") == ["127.0.0.1"]


def test_nothing_is_written_without_the_key_outside_the_zone_or_of_another_type(operator: Operator) -> None:
    unsigned = operator.update(secret=None)
    unsigned.add("no", 60, "TXT", "x")
    assert operator.send(unsigned) == dns.rcode.REFUSED

    forged = operator.update(secret=WRONG_SECRET)
    forged.add("no", 60, "TXT", "x")
    with pytest.raises(dns.exception.DNSException):
        operator.send(forged)

    elsewhere = operator.update(zone="example.com")
    elsewhere.add("no", 60, "TXT", "x")
    assert operator.send(elsewhere) == dns.rcode.NOTAUTH

    mixed = operator.update()
    mixed.add("no", 60, "TXT", "x")
    mixed.add("no", 60, "A", "127.0.0.1")
    assert operator.send(mixed) == dns.rcode.REFUSED
    assert operator.ask(f"no.{operator.zone}").rcode() == dns.rcode.NXDOMAIN


def test_an_alias_into_the_zone_is_followed_and_any_other_name_is_answered_as_before(
    town: RunningTown, operator: Operator
) -> None:
    target = f"label.{operator.zone}"
    alias(town, "_acme-challenge.followed.example", target)
    assert operator.values("_acme-challenge.followed.example") == [f"{target}."]
    operator.add("label", "value")
    for tcp in (False, True):
        assert operator.values("_acme-challenge.followed.example", tcp=tcp) == ['"value"', f"{target}."]
    assert operator.values("_acme-challenge.followed.example", "CNAME") == [f"{target}."]
    assert operator.values("other.example", "A") == ["127.0.0.1"]


def test_more_values_than_a_datagram_holds_are_fetched_over_tcp(
    town: RunningTown, operator: Operator
) -> None:
    alias(town, "_acme-challenge.many.example", f"many.{operator.zone}")
    values = [f"{number:03}" * 50 for number in range(12)]
    for value in values:
        operator.add("many", value)
    answer, was_cut = dns.query.udp_with_fallback(
        dns.message.make_query("_acme-challenge.many.example", "TXT"), operator.server, port=operator.port, timeout=3
    )  # fmt: skip
    assert was_cut
    assert sorted(str(item) for item in answer.answer[-1]) == sorted(f'"{value}"' for value in values)


class Delegated(Newcomer):
    """A newcomer whose values stand in the operator's zone, behind an alias that was published once."""

    def __init__(self, town: RunningTown, label: str) -> None:
        super().__init__(town)
        self.operator, self.label = Operator(town), label

    def publish(self, what: str, **body: str) -> None:
        assert self.operator.add(self.label, body["value"]) == dns.rcode.NOERROR


def test_the_ca_issues_again_and_again_by_one_alias(town: RunningTown, operator: Operator) -> None:
    alias(town, "_acme-challenge.once.example.com", f"once.{operator.zone}")
    for _certificate in range(2):
        # Another account each time: the CA has nothing to remember and must look.
        chain, _key = Delegated(town, "once").obtain(["once.example.com", "*.once.example.com"], "dns-01")
        assert "BEGIN CERTIFICATE" in chain
    published = httpx.get(f"{town.panel}/api/domains").json()["domains"]
    records = next(domain["records"] for domain in published if domain["name"] == "example.com")
    assert [record["type"] for record in records] == ["CNAME"]
