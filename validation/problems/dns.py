"""Findings about a TXT record."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from validation.problems.kinds import ERROR as _ERROR
from validation.problems.kinds import WAITING as _WAITING
from validation.problems.kinds import WARNING as _WARNING
from validation.problems.kinds import Problem

DNS: dict[str, Problem] = {
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
        _("Edit the record and enter only %(host)s as the host."),
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
    "dns_at_www": Problem(
        _ERROR,
        _("The value is at %(found_at)s, which proves the name with www."),
        _("Add it with the host %(host)s: the name without www has a record of its own."),
    ),
    "dns_label_twice": Problem(
        _ERROR,
        _("The record is at %(found_at)s: _acme-challenge stands there twice."),
        _("Edit the record so that its host is %(host)s."),
    ),
    "dns_misspelled_host": Problem(
        _ERROR,
        _("The record is at %(found_at)s: the host is misspelled."),
        _("Change the host to %(host)s, with an underscore at its beginning and a hyphen in the middle."),
    ),
    "dns_wildcard_txt": Problem(
        _ERROR,
        _("The TXT record of %(wildcard)s answers for %(name)s too."),
        _("Add the record with the host %(host)s: it goes before the wildcard, which may stay."),
    ),
    "dns_wildcard_cname": Problem(
        _ERROR,
        _("The alias (CNAME) of %(wildcard)s answers for %(name)s too, and leads to %(target)s."),
        _("Add the TXT record with the host %(host)s: it goes before the wildcard, which may stay."),
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
    "dns_cut_off_before": Problem(
        _ERROR,
        _("The value is there, but its beginning is missing."),
        _("Copy the whole value, 43 characters, and enter it again."),
    ),
    "dns_altered": Problem(
        _ERROR,
        _("The value is there, but hyphens or underscores in it were changed or lost."),
        _("Enter it again with the copy button, not by way of a word processor or a chat."),
    ),
    "dns_token": Problem(
        _ERROR,
        _("The record holds the name of the HTTP file."),
        _("Enter the value shown for the TXT record instead."),
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
    "dns_cname_broken": Problem(
        _ERROR,
        _("%(name)s is an alias (CNAME) of %(target)s, and no DNS server answers for that."),
        _("Delete the CNAME record and add the TXT record itself, or repair the DNS of %(target)s."),
    ),
    "dns_some_servers": Problem(
        _WAITING,
        _("Some of your DNS servers have the value, others do not yet: %(lacking)s."),
        _("Usually this settles within minutes. If it does not, your DNS servers are not kept the same: tell your DNS provider."),
    ),
    "dns_remembered": Problem(
        _WAITING,
        _("The record is there, but %(resolver)s will keep saying no until %(until)s."),
        _("It looked before the record was there and remembers that. Nothing to do for you; we wait a little, then ask the CA."),
    ),
    "dns_cname_loop": Problem(
        _ERROR,
        _("%(name)s is an alias (CNAME) that leads in a circle, or through too many steps."),
        _("Delete the CNAME record at %(name)s and add the TXT record itself. The circle: %(chain)s."),
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
    "dns_lame": Problem(
        _ERROR,
        _("The name servers named for %(zone)s do not know it: %(servers)s."),
        _("At your registrar, enter the name servers of the provider that keeps your DNS, or have the zone set up at these."),
    ),
    "dns_no_tcp": Problem(
        _ERROR,
        _("The DNS servers of %(zone)s cut their answer off and do not answer over TCP."),
        _("Port 53 must be open for TCP as well as UDP. Fewer TXT records at %(name)s would help too."),
    ),
    "dns_in_place_without_tcp": Problem(
        _WARNING,
        _("Everything is in place, but %(without_tcp)s does not answer over TCP."),
        _("We ask the CA all the same: most CAs ask over UDP. Should it refuse, have port 53 opened for TCP as well as UDP."),
    ),
    "dns_bogus": Problem(
        _ERROR,
        _("The DNSSEC signatures of %(zone)s are not valid (%(why)s), so no CA may believe its DNS."),
        _("Ask your DNS provider to repair DNSSEC, or remove the DS record at your registrar if the domain is no longer signed."),
    ),
    "dns_nxdomain_zone": Problem(
        _ERROR,
        _("The domain %(zone)s does not exist in DNS."),
        _("Check the spelling of the name, and whether the domain is registered and its name servers are set at the registrar."),
    ),
}  # fmt: skip
