"""What a stored problem means for the staff, in one plain sentence; the CA's own words stand beside it."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from portal.staff.stuck.row import Text

ACME = "urn:ietf:params:acme:error:"

SENTENCES: dict[str, Text] = {
    "userActionRequired": _(
        "The CA wants something of us as its account holder, mostly to agree to new terms."
    ),
    "externalAccountRequired": _("The CA wants its account bound to one that we have with it (EAB)."),
    "accountDoesNotExist": _("The CA no longer knows our account."),
    "unauthorized": _("The CA looked and did not find the proof in place, or our account may not do this."),
    "rejectedIdentifier": _("The CA never issues for one of these names."),
    "unsupportedIdentifier": _("The CA does not issue for names of this kind."),
    "caa": _("A CAA record of the domain forbids this CA."),
    "dns": _("The CA could not look the name up: its name servers answer wrongly or not at all."),
    "connection": _("The CA could not reach the customer's web server."),
    "tls": _("The CA met a faulty TLS set-up on the customer's web server."),
    "incorrectResponse": _("The CA found another value than the one it wanted."),
    "rateLimited": _("A limit of the CA is reached."),
    "serverInternal": _("The CA has trouble on its own side."),
    "badCSR": _("The CA does not accept the certificate request."),
    "badPublicKey": _("The CA does not accept the key."),
    "orderNotReady": _("The CA says that its order is not ready yet."),
    "malformed": _("The CA did not understand our request."),
    "invalidContact": _("The CA does not accept our contact address."),
    "unsupportedContact": _("The CA does not accept this kind of contact."),
    "invalidProfile": _("The CA no longer offers the profile that the account or the product names."),
    "alreadyReplaced": _("The CA says that the certificate has been replaced already."),
}
OURS: dict[str, Text] = {
    "transport": _("The CA does not answer."),
    "unusableAnswer": _("The CA answers with something that is no answer."),
    "configuration": _("The CA account is not set up rightly."),
    "order_unattended": _("What was to be published expired before we saw it."),
    "unexpected": _("A step failed on our side: a fault in the portal. The log has its trace."),
}
NOTHING_SAID: Text = _("No problem was reported.")


def sentence(problem: dict[str, Any] | None) -> Text:
    """Return what the problem means; for one that only its own words describe, those."""
    kind = str((problem or {}).get("type") or "")
    if kind.startswith(ACME):
        known = SENTENCES.get(kind.removeprefix(ACME))
    else:
        known = OURS.get(kind.rpartition(":")[2])
    return known or told(problem) or NOTHING_SAID


def meaning(text: str) -> Text:
    """Return what "<type>: <words>" means, as a pause keeps it; of our own words, that somebody is needed."""
    kind = text.partition(": ")[0].removeprefix(ACME)
    return SENTENCES.get(kind, _("The CA, or our account there, needs one of us."))


def words(problem: dict[str, Any] | None) -> str:
    """Return the words of whoever reported the problem, "" where the sentence has them already."""
    said = told(problem)
    return "" if said == str(sentence(problem)) else said


def told(problem: dict[str, Any] | None) -> str:
    return str((problem or {}).get("detail") or (problem or {}).get("type") or "")
