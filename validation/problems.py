"""Findings as data: what we saw, in one sentence, and what to do about it. One line per kind, never an `if`.

Texts are templates over a finding's facts. `expected`, `seen` and `repair` may stand in any of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Self

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Text = str | Promise
_LONGEST_SHOWN = 500


class Severity(StrEnum):
    OK = "ok"
    WAITING = "waiting"  # nothing is wrong, something is still to be done or seen
    WARNING = "warning"  # probably not the customer's doing, or harmless today
    ERROR = "error"  # it cannot work like this


@dataclass(frozen=True)
class Problem:
    """A kind of finding. `title` says what is so, `advice` what to do; both are templates."""

    severity: Severity
    title: Text
    advice: Text


@dataclass(frozen=True)
class Finding:
    """What one look found. Everything in it is plain data, cleaned of what a stranger's server could put there.

    `repair` is the exact line to publish, empty where publishing is not the cure.
    """

    slug: str
    in_place: bool
    expected: str = ""
    seen: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    repair: str = ""

    @property
    def problem(self) -> Problem:
        return PROBLEMS[self.slug]

    @property
    def severity(self) -> str:
        return self.problem.severity.value

    @property
    def title(self) -> str:
        return self._filled(self.problem.title)

    @property
    def advice(self) -> str:
        return self._filled(self.problem.advice)

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "seen": self.seen[:_LONGEST_SHOWN], "facts": dict(self.facts)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self | None:
        """The finding as `as_json` stored it; None for an empty one and for a slug of another release."""
        if stored.get("slug") not in PROBLEMS:
            return None
        known = {name: stored[name] for name in cls.__dataclass_fields__ if name in stored}
        return cls(**known)

    def _filled(self, template: Text) -> str:
        return str(template) % _Blanks(
            {**self.facts, "expected": self.expected, "seen": self.seen, "repair": self.repair}
        )


class _Blanks(dict[str, Any]):
    """A fact an older row did not store reads as a dash instead of breaking the page."""

    def __missing__(self, key: str) -> str:
        return "–"


_OK, _WAITING, _WARNING, _ERROR = Severity.OK, Severity.WAITING, Severity.WARNING, Severity.ERROR

_GENERAL = {
    "in_place": Problem(
        _OK,
        _("Everything is in place."),
        _("Leave it there until the certificate is issued."),
    ),
    "not_offered": Problem(
        _ERROR,
        _("The CA does not offer this method for this name."),
        _("Choose another method for this name."),
    ),
    "email_not_offered": Problem(
        _ERROR,
        _("Approval by email is not offered yet."),
        _("Choose HTTP or DNS TXT Record for this name."),
    ),
    "expired": Problem(
        _ERROR,
        _("The CA's offer to validate this name has expired."),
        _("Start again: a new value will be shown, and the old one can be removed."),
    ),
    "look_failed": Problem(
        _WARNING,
        _("We could not look: something failed on our side."),
        _("Nothing to do for you. We look again by ourselves."),
    ),
}

_DNS = {
    "dns_nothing": Problem(
        _WAITING,
        _("There is no TXT record at %(name)s yet."),
        _("At your DNS provider, add a TXT record with the host %(host)s and the value shown. New records can take some minutes."),
    ),
    "dns_wrong_value": Problem(
        _ERROR,
        _("There is a TXT record at %(name)s, but its value is not the expected one."),
        _("Add the value shown as a TXT record of its own. Other values at this name may stay."),
    ),
    "dns_stale_value": Problem(
        _ERROR,
        _("%(name)s still has the value of an earlier order."),
        _("Replace the old value with the one shown now. Each order has its own value."),
    ),
    "dns_doubled_host": Problem(
        _ERROR,
        _("The record is at %(found_at)s: your provider added the domain a second time."),
        _("Edit the record and enter only %(host)s as the host, without %(zone)s at its end."),
    ),
    "dns_missing_underscore": Problem(
        _ERROR,
        _("The record is at %(found_at)s: the underscore before acme-challenge is missing."),
        _("Change the host to %(host)s, with the underscore at its beginning."),
    ),
    "dns_at_apex": Problem(
        _ERROR,
        _("The value is at %(found_at)s itself, not below it."),
        _("Add it with the host %(host)s. The host must begin with _acme-challenge."),
    ),
    "dns_at_parent": Problem(
        _ERROR,
        _("The value is at %(found_at)s, which proves another name."),
        _("Add it with the host %(host)s: each name has a record of its own."),
    ),
    "dns_quotes": Problem(
        _ERROR,
        _("The value is there, but with quotation marks that became part of it."),
        _("Edit the record and enter the value without any quotation marks."),
    ),
    "dns_trailing_data": Problem(
        _ERROR,
        _("The value is there, but with something more before or behind it."),
        _("Edit the record so that its value is exactly the one shown, without blanks or other characters around it."),
    ),
    "dns_case": Problem(
        _ERROR,
        _("The value is there, but capital and small letters were changed."),
        _("Enter the value again exactly as shown. If your provider changes the letters, use another method."),
    ),
    "dns_cut_off": Problem(
        _ERROR,
        _("The value is there, but its end is missing."),
        _("Copy the whole value, 43 characters, and enter it again."),
    ),
    "dns_http_value": Problem(
        _ERROR,
        _("The record holds the text meant for the HTTP file."),
        _("Enter the value shown for the TXT record instead."),
    ),
    "dns_cname_instead": Problem(
        _ERROR,
        _("The value was published as a CNAME record instead of a TXT record."),
        _("Delete the CNAME record at %(name)s and add a TXT record with the value shown."),
    ),
    "dns_cname_empty": Problem(
        _ERROR,
        _("%(name)s is an alias (CNAME) of %(target)s, and the value is not there."),
        _("Either publish the value at %(target)s, or delete the CNAME record and add the TXT record itself."),
    ),
    "dns_some_servers": Problem(
        _WAITING,
        _("Some of your DNS servers have the value, others do not yet: %(lacking)s."),
        _("Usually this settles within minutes. If it does not, your DNS servers are not kept the same: tell your DNS provider."),
    ),
    "dns_cname_loop": Problem(
        _ERROR,
        _("%(name)s is an alias (CNAME) that leads in a circle, or through too many steps."),
        _("Correct the CNAME records: %(chain)s."),
    ),
    "dns_servfail": Problem(
        _ERROR,
        _("The DNS servers of %(zone)s answer with an error (%(rcode)s)."),
        _("The CA would see the same and refuse. Ask your DNS provider why these servers fail: %(servers)s."),
    ),
    "dns_timeout": Problem(
        _ERROR,
        _("The DNS servers of %(zone)s do not answer."),
        _("If this lasts, ask your DNS provider whether the servers are running and reachable from everywhere: %(servers)s."),
    ),
    "dns_bogus": Problem(
        _ERROR,
        _("The DNSSEC signatures of %(zone)s are not valid, so no CA may believe its DNS."),
        _("Ask your DNS provider to repair DNSSEC, or remove the DS record at your registrar if the domain is no longer signed."),
    ),
    "dns_nxdomain_zone": Problem(
        _ERROR,
        _("The domain %(zone)s does not exist in DNS."),
        _("Check the spelling of the name, and whether the domain is registered and its name servers are set at the registrar."),
    ),
}  # fmt: skip

_HTTP = {
    "http_no_address": Problem(
        _ERROR,
        _("%(name)s has no address in DNS."),
        _("Add an A record (and AAAA for IPv6) that points to your web server, or choose the DNS method."),
    ),
    "http_private_address": Problem(
        _ERROR,
        _("%(name)s points to %(seen)s, which cannot be reached from the Internet."),
        _("Point the name to the public address of your web server, or choose the DNS method."),
    ),
    "http_refused": Problem(
        _ERROR,
        _("%(address)s refuses connections on port 80."),
        _("Start the web server there and let it listen on port 80; the CA always begins on port 80, never on 443."),
    ),
    "http_timeout": Problem(
        _ERROR,
        _("%(address)s does not answer on port 80 in time."),
        _("Open port 80 in the firewall for everybody: CAs look from several countries and publish no list of addresses."),
    ),
    "http_closed": Problem(
        _ERROR,
        _("%(address)s closes the connection without an answer."),
        _("Check the web server and any firewall in front of it; plain HTTP on port 80 must be answered."),
    ),
    "http_no_http": Problem(
        _ERROR,
        _("What answers at %(address)s on port 80 does not speak HTTP."),
        _("Let a web server answer plain HTTP on port 80."),
    ),
    "http_no_route": Problem(
        _WARNING,
        _("We cannot reach %(address)s from here."),
        _("The CA may be able to. If the name has an AAAA record without a working server behind it, remove that record."),
    ),
    "http_tls_error": Problem(
        _ERROR,
        _("The redirect leads to HTTPS, and there the TLS handshake fails (%(detail)s)."),
        _("Serve /.well-known/acme-challenge/ over plain HTTP without a redirect, or repair HTTPS on that server."),
    ),
    "http_bad_url": Problem(
        _ERROR,
        _("%(name)s cannot be asked over HTTP."),
        _("Choose the DNS method for this name."),
    ),
    "http_status": Problem(
        _ERROR,
        _("The server answers %(status)s instead of 200."),
        _("Check that the file %(file_name)s is in the folder %(folder)s of the website, with no ending such as .txt. On IIS, allow files without an ending (a MIME type for “.”)."),
    ),
    "http_not_found": Problem(
        _WAITING,
        _("The file is not there yet: the server answers %(status)s."),
        _("Put the file %(file_name)s into the folder %(folder)s of the website that answers for %(name)s."),
    ),
    "http_forbidden": Problem(
        _ERROR,
        _("The server forbids access to the file (%(status)s)."),
        _("Allow everybody to read %(folder)s: no password, no blocked countries, no firewall page, and folders that begin with a dot permitted."),
    ),
    "http_txt_extension": Problem(
        _ERROR,
        _("The file was saved with the ending .txt."),
        _("Rename it to %(file_name)s, without an ending. Windows hides known endings: switch on “File name extensions” in the Explorer."),
    ),
    "http_wrong_body": Problem(
        _ERROR,
        _("There is a page at this address, but its content is not the expected one."),
        _("The file must contain exactly the line shown and nothing else."),
    ),
    "http_dns_value": Problem(
        _ERROR,
        _("The file contains the value meant for the DNS record."),
        _("Put the line shown for the HTTP file into it instead."),
    ),
    "http_bom": Problem(
        _ERROR,
        _("The content is right, but invisible characters (a byte order mark) stand before it."),
        _("Save the file again as ANSI or as UTF-8 without BOM."),
    ),
    "http_echo": Problem(
        _ERROR,
        _("The server answers with a page that repeats the address: it would do so for any address."),
        _("The file itself is not there. Put %(file_name)s into %(folder)s and let the web server deliver it as it is."),
    ),
    "http_redirect_loop": Problem(
        _ERROR,
        _("The redirects lead in a circle, or there are more than 10."),
        _("Exempt /.well-known/acme-challenge/ from redirects."),
    ),
    "http_bad_redirect": Problem(
        _ERROR,
        _("The server redirects in a way that no CA follows (%(status)s to %(detail)s)."),
        _("Only 301, 302, 307 and 308 to a domain name on port 80 or 443 are followed. Best exempt /.well-known/acme-challenge/ from redirects."),
    ),
    "http_too_large": Problem(
        _ERROR,
        _("The page at this address is much longer than the expected line."),
        _("The file must contain exactly the line shown and nothing else; perhaps the website answers with one of its own pages."),
    ),
    "http_some_addresses": Problem(
        _ERROR,
        _("The file is right at some addresses of %(name)s, but not at %(address)s."),
        _("The CA may look at any of them. There: %(there)s If that address is an old one, remove it from DNS."),
    ),
}  # fmt: skip

_CAA = {
    "caa_none": Problem(_OK, _("No CAA record limits who may issue for %(name)s."), _("Nothing to do.")),
    "caa_allows": Problem(_OK, _("The CAA records at %(found_at)s allow our CA."), _("Nothing to do.")),
    "caa_no_issuer": Problem(_OK, _("CAA records were not compared: this CA names no issuer."), _("Nothing to do.")),
    "caa_other_issuer": Problem(
        _ERROR,
        _("CAA records at %(found_at)s allow only other CAs: %(seen)s."),
        _("Add this CAA record; the present ones may stay: %(repair)s"),
    ),
    "caa_forbids": Problem(
        _ERROR,
        _("A CAA record at %(found_at)s forbids every CA to issue."),
        _("Add this CAA record: %(repair)s"),
    ),
    "caa_wildcard": Problem(
        _ERROR,
        _("CAA records (issuewild) at %(found_at)s do not allow our CA to issue wildcards: %(seen)s."),
        _("Add this CAA record; the present ones may stay: %(repair)s"),
    ),
    "caa_account": Problem(
        _ERROR,
        _("The CAA record at %(found_at)s allows our CA, but only for another account there (accounturi)."),
        _("Add this CAA record: %(repair)s"),
    ),
    "caa_method": Problem(
        _ERROR,
        _("The CAA record at %(found_at)s allows our CA, but not the method %(method)s (validationmethods)."),
        _("Choose another method, or add this CAA record: %(repair)s"),
    ),
    "caa_unknown_critical": Problem(
        _ERROR,
        _("A CAA record at %(found_at)s carries a critical property that CAs do not know: %(seen)s."),
        _("Remove that record, or set its flag to 0: until then no CA may issue."),
    ),
    "caa_malformed": Problem(
        _ERROR,
        _("The CAA record at %(found_at)s cannot be understood: %(seen)s."),
        _("Replace it with this one: %(repair)s"),
    ),
    "caa_unknown": Problem(
        _WARNING,
        _("We could not look up the CAA records of %(found_at)s (%(rcode)s)."),
        _("You can go on. If the DNS servers of this domain keep failing, the CA will not issue: ask your DNS provider."),
    ),
}  # fmt: skip

PROBLEMS: dict[str, Problem] = {**_GENERAL, **_DNS, **_HTTP, **_CAA}
