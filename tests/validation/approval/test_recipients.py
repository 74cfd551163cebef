"""Who may be asked about a name: computed, never typed, and nobody whom a stranger's record smuggles in."""

from __future__ import annotations

import pytest
from dns import flags, message, rcode, rdatatype

from identifiers.names import Name
from validation.approval.recipients import CONSTRUCTED, recipients_for


def addresses(text: str) -> list[str]:
    return [recipient.address for recipient in recipients_for(Name.of(text)).recipients]


def test_the_five_at_the_name_and_at_each_parent_down_to_the_registered_domain(dns):
    dns.add("www.eu.shop.co.uk", "A", "192.0.2.1")
    dns.add("eu.shop.co.uk", "MX", "10 mail.shop.co.uk.")
    dns.add("shop.co.uk", "MX", "10 mail.shop.co.uk.")
    wanted = ["www.eu.shop.co.uk", "eu.shop.co.uk", "shop.co.uk"]
    assert addresses("www.eu.shop.co.uk") == [
        f"{local}@{domain}" for domain in wanted for local in CONSTRUCTED
    ]


def test_a_wildcard_is_asked_about_at_its_base(dns):
    dns.add("shop.example", "MX", "10 mail.shop.example.")
    assert addresses("*.shop.example") == [f"{local}@shop.example" for local in CONSTRUCTED]


def test_nobody_is_offered_where_no_mail_arrives(dns):
    dns.add("shop.example", "MX", "0 .")  # RFC 7505
    dns.add("shop.example", "A", "192.0.2.1")
    found = recipients_for(Name("www.shop.example"))
    assert found.recipients == ()
    assert found.without_mail == ("www.shop.example", "shop.example")
    assert found.unknown == ()


def test_a_server_that_does_not_answer_is_no_answer(dns):
    dns.fail("shop.example")
    found = recipients_for(Name("shop.example"))
    assert found.recipients == ()
    assert found.unknown == ("shop.example",)
    assert found.without_mail == ()


def test_a_server_that_knows_no_mx_has_none(dns):
    dns.add("shop.example", "A", "192.0.2.1")
    dns.raw = not_implemented(dns)
    assert addresses("shop.example") == [f"{local}@shop.example" for local in CONSTRUCTED]


def not_implemented(server):
    """Answer NOTIMP to MX, as the sandbox's name server does."""

    def answer(wire: bytes) -> bytes:
        query = message.from_wire(wire)
        reply = message.make_response(query)
        if query.question[0].rdtype == rdatatype.MX:
            reply.set_rcode(rcode.NOTIMP)
        else:
            server._fill(query, reply)
        reply.flags |= flags.AA
        return reply.to_wire()

    return answer


def test_an_address_is_no_name_that_anybody_could_be_asked_about(dns):
    assert recipients_for(Name("192.0.2.7")).recipients == ()


def test_published_contacts_come_first_and_speak_for_their_domain(dns):
    dns.add("shop.example", "MX", "0 .")
    dns.add("keeper.example", "MX", "10 mx.keeper.example.")
    dns.add("shop.example", "CAA", '0 contactemail "DNS@Keeper.example"', '0 issue "ca.example"')
    dns.txt("_validation-contactemail.shop.example", "txt@keeper.example")
    found = recipients_for(Name("www.shop.example"))
    assert [(row.address, row.domain, row.source) for row in found.recipients] == [
        ("dns@keeper.example", "shop.example", "caa"),
        ("txt@keeper.example", "shop.example", "txt"),
    ]
    assert found.recipients[0].covers(Name("www.shop.example", wildcard=True))
    assert not found.recipients[0].covers(Name("keeper.example"))
    assert not found.recipients[0].covers(Name("evilshop.example"))


@pytest.mark.parametrize(
    "published",
    [
        "admin@keeper.example\\010",  # a line feed after it
        "admin@keeper.example\\013\\010Bcc: all@keeper.example",
        "admin@keeper.example, other@keeper.example",
        "Owner <admin@keeper.example>",
        "mailto:admin@keeper.example",
        '\\"quoted\\"@keeper.example',
        "admin@\\226\\132\\170eeper.example",  # the Kelvin sign
        "admin@keeper",
        "@keeper.example",
        "admin@keeper.example\\000",
        "a" * 250 + "@keeper.example",
    ],
)
def test_what_is_no_plain_address_is_nobodys(dns, published):
    dns.add("shop.example", "MX", "0 .")
    dns.add("keeper.example", "MX", "10 mx.keeper.example.")
    if len(published) < 200:
        dns.add("shop.example", "CAA", f'0 contactemail "{published}"')
        dns.add("_validation-contactemail.shop.example", "TXT", f'"{published}"')
    else:
        dns.add("_validation-contactemail.shop.example", "TXT", f'"{published[:200]}" "{published[200:]}"')
    assert addresses("shop.example") == []


def test_a_contact_whose_own_domain_takes_no_mail_is_not_offered(dns):
    dns.add("shop.example", "MX", "0 .")
    dns.txt("_validation-contactemail.shop.example", "gone@nowhere.example")
    assert addresses("shop.example") == []


def test_a_bogus_contact_is_not_read(dns):
    dns.add("shop.example", "MX", "0 .")
    dns.add("keeper.example", "MX", "10 mx.keeper.example.")
    dns.txt("_validation-contactemail.shop.example", "dns@keeper.example")
    dns.bogus("_validation-contactemail.shop.example")
    assert addresses("shop.example") == []
