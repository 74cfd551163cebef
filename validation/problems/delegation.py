"""Findings about what was set up once, so that no certificate after the first needs its customer."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from validation.problems.kinds import ERROR, OK, WAITING, WARNING, Problem

DELEGATION: dict[str, Problem] = {
    "delegation_in_place": Problem(
        OK,
        _("%(name)s points here: this name proves itself from now on."),
        _("Leave the record where it is."),
    ),
    "delegation_missing": Problem(
        WAITING,
        _("There is no CNAME record at %(name)s yet."),
        _("At your DNS provider, add a CNAME record with the host %(host)s and the target shown."),
    ),
    "delegation_txt_in_the_way": Problem(
        ERROR,
        _("There is a TXT record at %(name)s; a CNAME cannot stand beside it."),
        _("Remove the TXT record at %(host)s, then add the CNAME with the target shown."),
    ),
    "delegation_elsewhere": Problem(
        ERROR,
        _("%(name)s points to %(target)s, not to us."),
        _("Change the target of that CNAME record to the one shown."),
    ),
    "delegation_doubled_host": Problem(
        ERROR,
        _("The record is at %(found_at)s: your provider added the domain a second time."),
        _("Edit the record and enter only %(host)s as the host, without %(zone)s at its end."),
    ),
    "delegation_doubled_target": Problem(
        ERROR,
        _("The record points to %(target)s: your provider added the domain to the target."),
        _("Edit the record and write the target as shown, with the dot at its end."),
    ),
    "delegation_unknown": Problem(
        WARNING,
        _("We could not look at %(name)s just now."),
        _("Nothing to do for you. We look again by ourselves."),
    ),
    "delegation_zone_down": Problem(
        WARNING,
        _("Your side is done, but our own DNS does not take the value just now."),
        _("Nothing to do for you. We try again by ourselves, and our staff are told."),
    ),
    "persist_in_place": Problem(
        OK,
        _("The record stands at %(name)s: this name proves itself from now on."),
        _("Leave the record where it is."),
    ),
    "persist_missing": Problem(
        WAITING,
        _("The record is not at %(name)s yet."),
        _("At your DNS provider, add a TXT record with the host %(host)s and the value shown."),
    ),
    "persist_other_account": Problem(
        ERROR,
        _("The record at %(name)s names another account at the certificate authority."),
        _("Add the record shown beside it; it names the account that is yours alone."),
    ),
    "persist_no_wildcard": Problem(
        ERROR,
        _("The record at %(name)s does not speak for the wildcard."),
        _("Add policy=wildcard to it, as in the value shown."),
    ),
    "persist_ended": Problem(
        ERROR,
        _("The record at %(name)s has ended: its persistUntil has passed, or is not a number."),
        _("Replace it by the value shown, which does not end."),
    ),
    "delegation_redirect_in_place": Problem(
        OK,
        _("%(name)s redirects here: this name proves itself from now on."),
        _("Leave the redirect where it is."),
    ),
    "delegation_redirect_missing": Problem(
        WAITING,
        _("%(name)s does not redirect here yet."),
        _("On your web server, redirect everything below %(folder)s with the line shown, then reload it."),
    ),
}
