"""Findings that no method owns."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from validation.problems.kinds import ERROR as _ERROR
from validation.problems.kinds import OK as _OK
from validation.problems.kinds import WAITING as _WAITING
from validation.problems.kinds import WARNING as _WARNING
from validation.problems.kinds import Problem

GENERAL: dict[str, Problem] = {
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
    "email_proves_nothing": Problem(
        _ERROR,
        _("An approval by email proves no name to a CA."),
        _("Choose HTTP or DNS TXT Record for this name."),
    ),
    "expired": Problem(
        _ERROR,
        _("The CA's offer to validate this name has expired."),
        _("Start again: a new value will be shown, and the old one can be removed."),
    ),
    "vantage_elsewhere": Problem(
        _WAITING,
        _("We see it, but from %(vantage)s it is not there yet: %(there)s"),
        _("CAs look from several places. We wait a little, then ask the CA all the same."),
    ),
    "look_failed": Problem(
        _WARNING,
        _("We could not look: something failed on our side."),
        _("Nothing to do for you. We look again by ourselves."),
    ),
}
