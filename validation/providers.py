"""DNS providers as data: known by their name servers, each with what its form calls things and wants typed in.

Whose form we do not know gets the zone file line, and the name relative to its zone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_GREY_CLOUD = _("Set “Proxy status” to “DNS only”: a proxied CNAME is not visible to the CA.")
_ONE_RECORD = _("Several values of one name are one record there: write each on a line of its own.")


@dataclass(frozen=True)
class Provider:
    """`servers` are patterns of name server names; `host`, `value` what the form calls its two fields.

    `absolute`: the form wants the whole name, else the part before the zone; `quoted`: a TXT value wants its quotes typed;
    `dotted`: a target that is a name wants its last dot; `apex` is what stands for the zone's own name. `note` is for
    every record, `cname_note` for a CNAME.
    """

    slug: str
    name: str
    servers: tuple[str, ...]
    host: str = "Name"
    value: str = "Value"
    absolute: bool = False
    quoted: bool = False
    dotted: bool = False
    apex: str = "@"
    note: str | Promise = ""
    cname_note: str | Promise = ""

    def keeps(self, server: str) -> bool:
        return any(fnmatchcase(server.lower().rstrip("."), pattern) for pattern in self.servers)

    def host_of(self, full_name: str, zone: str) -> str:
        """What to type into the field for the name."""
        return full_name if self.absolute else relative(full_name, zone, apex=self.apex)

    def value_of(self, record_type: str, value: str) -> str:
        """What to type into the field for the value, given as a zone file has it."""
        if record_type == "TXT":
            bare = value.strip('"')
            return f'"{bare}"' if self.quoted else bare
        return value if self.dotted or record_type != "CNAME" else value.removesuffix(".")


def relative(full_name: str, zone: str, *, apex: str = "@") -> str:
    """The name as it stands in its zone; whole when it is not in it."""
    name, zone = full_name.rstrip("."), zone.rstrip(".")
    if name == zone:
        return apex
    return name.removesuffix(f".{zone}") if zone else name


def recognised(servers: Iterable[str]) -> Provider | None:
    """The provider that most of these name servers belong to, None when nobody we know keeps them."""
    votes = Counter(
        provider.slug for server in servers for provider in PROVIDERS.values() if provider.keeps(server)
    )
    return PROVIDERS[votes.most_common(1)[0][0]] if votes else None


def known(slug: object) -> Provider | None:
    return PROVIDERS.get(str(slug))


_TABLE = (
    Provider(
        "cloudflare", "Cloudflare", ("*.ns.cloudflare.com", "*.foundationdns.com", "*.foundationdns.net", "*.foundationdns.org"),
        value="Content", cname_note=_GREY_CLOUD,
    ),
    Provider(
        "route53", "Amazon Route 53",
        ("*.awsdns-*.com", "*.awsdns-*.net", "*.awsdns-*.org", "*.awsdns-*.co.uk"),
        host="Record name", quoted=True, apex="", note=_ONE_RECORD,
    ),
    Provider("google", "Google Cloud DNS", ("*.googledomains.com",), host="DNS name", value="Data", dotted=True, apex="", note=_ONE_RECORD),
    Provider(
        "azure", "Azure DNS", ("*.azure-dns.com", "*.azure-dns.net", "*.azure-dns.org", "*.azure-dns.info"), note=_ONE_RECORD,
    ),
    Provider("godaddy", "GoDaddy", ("*.domaincontrol.com",)),
    Provider("namecheap", "Namecheap", ("*.registrar-servers.com", "*.namecheaphosting.com"), host="Host"),
    Provider("ovh", "OVHcloud", ("*.ovh.net", "*.ovh.ca", "*.anycast.me"), host="Sub-domain", apex="", dotted=True),
    Provider(
        "ionos", "IONOS", ("*.ui-dns.com", "*.ui-dns.de", "*.ui-dns.org", "*.ui-dns.biz"), host="Host name",
    ),
    Provider(
        "hetzner", "Hetzner",
        ("*.ns.hetzner.com", "*.ns.hetzner.de", "*.first-ns.de", "*.second-ns.de", "*.second-ns.com"), dotted=True,
    ),
    Provider("digitalocean", "DigitalOcean", ("ns?.digitalocean.com",), host="Hostname", dotted=True),
    Provider("gandi", "Gandi", ("*.gandi.net",), value="Text value", dotted=True),
    Provider("linode", "Linode (Akamai)", ("ns?.linode.com",), host="Hostname", apex=""),
    Provider(
        "dnsimple", "DNSimple", ("*.dnsimple.com", "*.dnsimple-edge.net", "*.dnsimple-edge.org"), value="Content", apex="",
    ),
    Provider("hover", "Hover", ("ns?.hover.com",), host="Hostname"),
    Provider("squarespace", "Squarespace", ("*.squarespacedns.com",), host="Host", value="Data"),
    Provider("porkbun", "Porkbun", ("*.ns.porkbun.com", "*.porkbun.com"), host="Host", value="Answer", apex=""),
    Provider("dreamhost", "DreamHost", ("ns?.dreamhost.com",), host="Host", value="TXT value", apex=""),
    Provider("bluehost", "Bluehost", ("ns?.bluehost.com",), host="Host name", value="TXT value"),
    Provider("hostgator", "HostGator", ("*.hostgator.com",), host="Host name", value="TXT value"),
    Provider("wix", "Wix", ("*.wixdns.net",), host="Host name", apex=""),
    Provider("strato", "STRATO", ("*.rzone.de",), host="Präfix", value="Wert", apex=""),
    Provider("inwx", "INWX", ("*.inwx.de", "*.inwx.com", "*.inwx.eu", "*.inwx.net"), apex=""),
    # Netlify rents its DNS from NS1, and its customers see Netlify's own form.
    Provider("netlify", "Netlify (NS1)", ("*.nsone.net",)),
    Provider("vercel", "Vercel", ("*.vercel-dns.com", "*.vercel-dns-?.com"), apex=""),
    Provider("namecom", "Name.com", ("*.name.com",), host="Host", value="Answer", apex=""),
    Provider("networksolutions", "Network Solutions", ("*.worldnic.com",), host="Host", value="TXT value"),
    Provider("hostinger", "Hostinger", ("*.dns-parking.com", "*.hostinger.com"), value="TXT value"),
    Provider("siteground", "SiteGround", ("*.siteground.net", "*.sgvps.net")),
    Provider("onecom", "one.com", ("ns??.one.com",), host="Hostname", apex=""),
    Provider("transip", "TransIP", ("*.transip.net", "*.transip.nl", "*.transip.eu")),
    Provider("loopia", "Loopia", ("*.loopia.se",), host="Subdomain", value="Data"),
    Provider("dynadot", "Dynadot", ("*.dynadot.com",), host="Subdomain", value="Record value", apex=""),
    Provider("cloudns", "ClouDNS", ("*.cloudns.net", "*.cloudns.uk"), host="Host", value="Points to", apex=""),
    Provider("wordpress", "WordPress.com", ("ns?.wordpress.com",), value="Text"),
    Provider("uniteddomains", "united-domains", ("ns.udag.de", "ns.udag.net", "ns.udag.org"), host="Subdomain"),
    Provider("alibaba", "Alibaba Cloud", ("*.hichina.com", "*.alidns.com"), host="Hostname", value="Record value"),
    Provider("dnspod", "DNSPod", ("*.dnspod.net", "*.dnspod.com"), host="Host"),
    Provider("infomaniak", "Infomaniak", ("*.infomaniak.ch", "*.infomaniak.com"), host="Source", value="Target", apex=""),
)  # fmt: skip
PROVIDERS: dict[str, Provider] = {provider.slug: provider for provider in _TABLE}
