"""Findings about CAA records (RFC 8659)."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from validation.problems.kinds import ERROR as _ERROR
from validation.problems.kinds import OK as _OK
from validation.problems.kinds import WARNING as _WARNING
from validation.problems.kinds import Problem

CAA: dict[str, Problem] = {
    "caa_none": Problem(_OK, _("No CAA record limits who may issue for %(name)s."), _("Nothing to do.")),
    "caa_allows": Problem(_OK, _("The CAA records at %(found_at)s allow our CA."), _("Nothing to do.")),
    "caa_no_issuer": Problem(_OK, _("CAA records were not compared: this CA names no issuer."), _("Nothing to do.")),
    "caa_other_issuer": Problem(
        _ERROR,
        _("CAA records at %(found_at)s allow only other CAs: %(seen)s."),
        _("Add the CAA record shown; the present ones may stay."),
    ),
    "caa_forbids": Problem(
        _ERROR,
        _("A CAA record at %(found_at)s forbids every CA to issue."),
        _("Add the CAA record shown."),
    ),
    "caa_wildcard": Problem(
        _ERROR,
        _("CAA records (issuewild) at %(found_at)s do not allow our CA to issue wildcards: %(seen)s."),
        _("Add the CAA record shown; the present ones may stay."),
    ),
    "caa_account": Problem(
        _ERROR,
        _("The CAA record at %(found_at)s allows our CA, but only for another account there (accounturi)."),
        _("Add the CAA record shown."),
    ),
    "caa_method": Problem(
        _ERROR,
        _("The CAA record at %(found_at)s allows our CA, but not the method %(method)s (validationmethods)."),
        _("Choose another method, or add the CAA record shown."),
    ),
    "caa_unknown_critical": Problem(
        _ERROR,
        _("A CAA record at %(found_at)s carries a critical property that CAs do not know: %(seen)s."),
        _("Remove that record, or set its flag to 0: until then no CA may issue."),
    ),
    "caa_malformed": Problem(
        _ERROR,
        _("The CAA record at %(found_at)s cannot be understood: %(seen)s."),
        _("Replace it with the CAA record shown."),
    ),
    "caa_unknown": Problem(
        _WARNING,
        _("We could not look up the CAA records of %(found_at)s (%(rcode)s)."),
        _("You can go on. If the DNS servers of this domain keep failing, the CA will not issue: ask your DNS provider."),
    ),
}  # fmt: skip
