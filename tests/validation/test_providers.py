"""validation/providers.py and zone_lines.py: whose form it is, and what to type into it."""

from __future__ import annotations

import pytest

from validation.providers import PROVIDERS, known, recognised, relative
from validation.zone_lines import ZoneLine

TXT = '_acme-challenge.www.shop.example. 300 IN TXT "abc-_DEF"'
CNAME = "_acme-challenge.shop.example. 3600 IN CNAME label.dcv.portal.example."
CAA = 'shop.example. CAA 0 issue "ca.example"'

# One real pair of name servers of each, as their customers see them at the registrar.
SERVERS = {
    "cloudflare": ("ada.ns.cloudflare.com", "bob.ns.cloudflare.com"),
    "route53": ("ns-2048.awsdns-64.com", "ns-2049.awsdns-65.net", "ns-2050.awsdns-66.org", "ns-2051.awsdns-67.co.uk"),
    "google": ("ns-cloud-a1.googledomains.com", "ns-cloud-a2.googledomains.com"),
    "azure": ("ns1-01.azure-dns.com", "ns2-01.azure-dns.net", "ns3-01.azure-dns.org", "ns4-01.azure-dns.info"),
    "godaddy": ("ns01.domaincontrol.com", "ns02.domaincontrol.com"),
    "namecheap": ("dns1.registrar-servers.com", "dns2.registrar-servers.com"),
    "ovh": ("dns10.ovh.net", "ns10.ovh.net"),
    "ionos": ("ns1045.ui-dns.com", "ns1045.ui-dns.de"),
    "hetzner": ("hydrogen.ns.hetzner.com", "helium.ns.hetzner.de"),
    "digitalocean": ("ns1.digitalocean.com", "ns2.digitalocean.com"),
    "gandi": ("ns-1-a.gandi.net", "ns-2-b.gandi.net"),
    "linode": ("ns1.linode.com", "ns2.linode.com"),
    "dnsimple": ("ns1.dnsimple.com", "ns2.dnsimple-edge.net"),
    "hover": ("ns1.hover.com", "ns2.hover.com"),
    "squarespace": ("ns01.squarespacedns.com", "ns02.squarespacedns.com"),
    "porkbun": ("curitiba.ns.porkbun.com", "fortaleza.ns.porkbun.com"),
    "dreamhost": ("ns1.dreamhost.com", "ns2.dreamhost.com"),
    "bluehost": ("ns1.bluehost.com", "ns2.bluehost.com"),
    "wix": ("ns10.wixdns.net", "ns11.wixdns.net"),
    "strato": ("docks10.rzone.de", "shades20.rzone.de"),
    "inwx": ("ns.inwx.de", "ns3.inwx.eu"),
    "netlify": ("dns1.p01.nsone.net", "dns2.p01.nsone.net"),
    "vercel": ("ns1.vercel-dns.com", "ns2.vercel-dns.com"),
}  # fmt: skip


def test_there_are_more_than_twenty():
    assert len(PROVIDERS) >= 20
    assert set(SERVERS) <= set(PROVIDERS)


@pytest.mark.parametrize("slug", SERVERS)
def test_a_provider_is_known_by_its_name_servers(slug):
    assert recognised(SERVERS[slug]).slug == slug
    assert recognised(server.upper() + "." for server in SERVERS[slug]).slug == slug


@pytest.mark.parametrize(
    "servers",
    [
        (), ("ns1.shop.example",), ("ns.cloudflare.com.evil.example",), ("evilcloudflare.com",), ("ns1.linode.com.example",),
        ("awsdns-1.example.com",), ("xns1.hover.com.example",),
    ],
)  # fmt: skip
def test_a_name_that_only_looks_like_one_is_nobodys(servers):
    assert recognised(servers) is None


def test_of_several_the_one_with_most_servers_is_told():
    assert recognised(["ns1.hover.com", *SERVERS["route53"]]).slug == "route53"


@pytest.mark.parametrize("slug", PROVIDERS)
@pytest.mark.parametrize("line", [TXT, CNAME, CAA])
def test_every_form_can_be_filled_in(slug, line):
    rows = ZoneLine.of(line).rows(PROVIDERS[slug], "shop.example")
    assert all(row.label and row.value for row in rows)
    assert rows[0].value in ("TXT", "CNAME", "CAA")
    host = rows[1]
    expected = {TXT: "_acme-challenge.www", CNAME: "_acme-challenge"}.get(line)
    assert expected is None or host.value in (expected, f"{expected}.shop.example")


def test_the_peculiarities_of_a_form_are_kept():
    def typed(slug: str, line: str) -> list[str]:
        return [row.value for row in ZoneLine.of(line).rows(known(slug), "shop.example")]

    assert typed("route53", TXT) == ["TXT", "_acme-challenge.www", '"abc-_DEF"']
    assert typed("cloudflare", TXT) == ["TXT", "_acme-challenge.www", "abc-_DEF"]
    assert typed("cloudflare", CNAME)[-1] == "label.dcv.portal.example"
    assert typed("gandi", CNAME)[-1] == "label.dcv.portal.example."
    assert typed("godaddy", CAA) == ["CAA", "@", "0", "issue", "ca.example"]
    assert not ZoneLine.of(CAA).rows(known("inwx"), "shop.example")[1].typed


def test_whose_form_is_unknown_gets_the_name_in_both_spellings():
    rows = ZoneLine.of(TXT).rows(None, "shop.example")
    assert [row.value for row in rows] == [
        "TXT", "_acme-challenge.www", "_acme-challenge.www.shop.example", "abc-_DEF",
    ]  # fmt: skip
    assert ZoneLine.of(TXT).rows(None, "www.shop.example")[1].value == "_acme-challenge"


@pytest.mark.parametrize("line", ["", "token.thumbprint", "a b c", "name TXT value", "name. 300 IN"])
def test_what_is_no_line_of_a_zone_is_none(line):
    assert ZoneLine.of(line) is None


@pytest.mark.parametrize(
    ("name", "zone", "told"),
    [
        ("shop.example", "shop.example", "@"), ("a.shop.example.", "shop.example.", "a"), ("a.shop.example", "", "a.shop.example"),
        ("a.workshop.example", "shop.example", "a.workshop.example"),
    ],
)  # fmt: skip
def test_a_name_is_told_relative_to_its_zone(name, zone, told):
    assert relative(name, zone) == told
