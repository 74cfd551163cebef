"""What its owner reads when the CA would not revoke. The CA's own words speak of our account: those are for staff."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from certificates.connectors.problems import ACME_PREFIX
from certificates.models import Revocation

_NOT_OUR_WORD = _("It does not accept our word for this certificate.")
SENTENCES: dict[str, str | Promise] = {
    ACME_PREFIX + "badRevocationReason": _("It does not take this reason. Ask again with another one."),
    ACME_PREFIX + "unauthorized": _NOT_OUR_WORD,
    ACME_PREFIX + "accountDoesNotExist": _NOT_OUR_WORD,
    ACME_PREFIX + "malformed": _("It does not know this certificate any longer."),
    "chancery:no_account": _NOT_OUR_WORD,
}


def why_refused(revocation: Revocation) -> str | Promise:
    """Return one sentence for a refused revocation."""
    return SENTENCES.get(str((revocation.problem or {}).get("type")), _("It does not revoke it for us."))
