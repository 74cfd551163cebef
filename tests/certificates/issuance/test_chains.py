"""The preferred root: which of a CA's chains is stored, and that nothing about the others hinders the issue."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from django.utils import timezone

from audit.models import Entry
from certificates.models import CaAccount, Certificate
from tests.certificates import samples
from tests.certificates.connectors.rough_ca import Reply, problem
from tests.certificates.issuance.conftest import issue
from tests.certificates.issuance.little_ca import LittleCa
from tests.contracts.ca import running_pebble
from tests.factories import CaAccountFactory

pytestmark = pytest.mark.django_db


class ManyChainsCa(LittleCa):
    """`others` makes each alternate from the default chain's PEM; a Reply is sent as it is."""

    def __init__(self, folder) -> None:
        super().__init__(folder)
        self.others: list = []

    def _cert(self, order, request, path):
        links = ", ".join(
            f'<{self.url(f"/alt/{index}/{order.number}")}>;rel="alternate"'
            for index in range(len(self.others))
        )
        reply = super()._cert(order, request, path)
        return Reply(reply.status, reply.body, {"Link": links} if links else {}, reply.content_type)

    def _verb(self, path, request) -> str:
        verb = super()._verb(path, request)
        return f"alt{path.split('/')[2]}" if verb == "alt" else verb

    def _right(self, verb, path, request):
        if not verb.startswith("alt"):
            return super()._right(verb, path, request)
        made = self.others[int(verb[3:])]
        order = self.orders[int(path.rsplit("/", 1)[1])]
        if isinstance(made, Reply):
            return made
        return Reply(body=made(order.pem).encode(), content_type="application/pem-certificate-chain")

    @property
    def alternates_asked(self) -> int:
        return sum(count for verb, count in self.asked_for.items() if verb.startswith("alt"))


@pytest.fixture
def little_ca(tmp_path):
    server = ManyChainsCa(tmp_path)
    yield server
    server.stop()


def under(name: str):
    """The same leaf and issuer, but certified by another root."""
    _root, intermediate = samples.hierarchy()
    cross = samples.authority("Small Intermediate", samples.authority(name), key=intermediate.key)

    def made(pem: str) -> str:
        leaf = x509.load_pem_x509_certificates(pem.encode())[0]
        return samples.pem_of(leaf, cross)

    return made


def stored_root() -> str:
    chain = Certificate.objects.get().chain_pem
    top = x509.load_pem_x509_certificates(chain.encode())[-1]
    return top.issuer.rfc4514_string()


def prefer(desk, name: str) -> None:
    CaAccount.objects.filter(pk=desk.account.pk).update(preferred_root=name)


def issued_with(desk, alice, root: str) -> None:
    prefer(desk, root)
    desk.run_until_issued(desk.wish(alice, "shop.example"))


def noted() -> list[dict]:
    return [entry.details for entry in Entry.objects.filter(action="acme_order:other_chain")]


def test_the_chain_to_the_preferred_root_is_stored(desk, alice):
    desk.ca.others = [under("First Root"), under("Second Root"), under("Third Root")]
    issued_with(desk, alice, "second root ")
    assert stored_root() == "CN=Second Root"
    assert desk.ca.alternates_asked == 2, "found: no need for the third"
    assert noted() == []


def test_without_a_preference_no_alternate_is_asked_for(desk, alice):
    desk.ca.others = [under("First Root")]
    issued_with(desk, alice, "")
    assert (stored_root(), desk.ca.alternates_asked) == ("CN=Small Root", 0)


@pytest.mark.parametrize("name", ["Small Root", "Small Intermediate"])
def test_a_default_chain_that_fits_is_taken_at_once(desk, alice, name):
    desk.ca.others = [under("First Root")]
    issued_with(desk, alice, name)
    assert (stored_root(), desk.ca.alternates_asked) == ("CN=Small Root", 0)


def test_where_none_fits_the_default_is_stored_and_noted(desk, alice):
    desk.ca.others = [under("First Root")]
    issued_with(desk, alice, "Nobody's Root")
    assert stored_root() == "CN=Small Root"
    assert noted() == [{"wanted": "Nobody's Root", "got": "Small Root", "offered": 1}]


def test_at_most_five_alternates_are_fetched(desk, alice):
    desk.ca.others = [under(f"Root {number}") for number in range(9)]
    issued_with(desk, alice, "Root 8")
    assert desk.ca.alternates_asked == 5
    assert stored_root() == "CN=Small Root"


@pytest.mark.parametrize(
    "broken",
    [
        Reply(500, b"oops"),
        problem("unauthorized", 403),
        problem("rateLimited", 429),
        Reply(404, b""),
        Reply(dies="before"),
        Reply(200, b"x" * 400, dies="mid-body"),
        Reply(200, b"no certificate"),
        lambda pem: samples.pem_of(samples.leaf(samples.hierarchy()[1], ["evil.example"]), samples.hierarchy()[1]),
        lambda pem: pem + samples.pem_of(samples.authority("Stray")),
    ],
    ids=["500", "403", "429", "404", "reset", "cut", "noise", "other leaf", "stray"],
)  # fmt: skip
def test_no_failure_of_an_alternate_hinders_the_issue_or_the_next_one(desk, alice, broken):
    desk.ca.others = [broken, under("Wanted Root")]
    issued_with(desk, alice, "Wanted Root")
    assert stored_root() == "CN=Wanted Root"
    assert Certificate.objects.get().names == ["shop.example"]


def test_a_broken_alternate_alone_leaves_the_default(desk, alice):
    desk.ca.others = [Reply(dies="before")]
    issued_with(desk, alice, "Wanted Root")
    assert stored_root() == "CN=Small Root"


def test_another_certificate_for_the_same_name_and_key_is_not_taken(desk, alice):
    """An alternate is the same certificate with another chain; a second certificate would be one that nobody counts."""

    def twin(pem: str) -> str:
        first = x509.load_pem_x509_certificates(pem.encode())[0]
        issuer = samples.authority("Small Intermediate", samples.authority("Wanted Root"))
        now = timezone.now()
        again = samples.leaf(
            issuer, ["shop.example"], key=Public(first), not_before=now - timedelta(hours=1), not_after=now + timedelta(days=9)
        )  # fmt: skip
        return samples.pem_of(again, issuer)

    desk.ca.others = [twin]
    issued_with(desk, alice, "Wanted Root")
    assert stored_root() == "CN=Small Root"


class Public:
    def __init__(self, certificate) -> None:
        self.public_key = certificate.public_key


@pytest.mark.town
def test_pebbles_second_root_is_preferred(alice, tmp_path_factory):
    from certificates import issuance
    from tests.contracts.ca import _get
    from tests.factories import plan_for

    environment = {"PEBBLE_ALTERNATE_ROOTS": "2", "PEBBLE_AUTHZREUSE": "0"}
    with running_pebble(tmp_path_factory.mktemp("roots"), environment=environment) as server:
        second = x509.load_pem_x509_certificate(_get(f"{server.management_url}/roots/2", server.roots_pem))
        name = second.subject.rfc4514_string().removeprefix("CN=")
        account = CaAccountFactory(
            directory_url=server.directory_url,
            roots_pem=server.roots_pem,
            terms_agreed_at=timezone.now(),
            preferred_root=name,
        )
        wanted = issuance.request(
            plan_for(alice, "shop.example", account=account), by=alice, now=timezone.now()
        )
        issue(wanted)
    assert stored_root() == f"CN={name}"
