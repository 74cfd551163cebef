"""A private key pasted by mistake: taken out of what was posted before anything else sees it."""

from __future__ import annotations

from django.http import QueryDict
from django.views.decorators.debug import sensitive_variables

from certificates import pasted
from certificates.csr_problems import UnacceptableCSR

SHORTEST_KEY = (
    40  # a P-256 key in bare base64 has over 90 characters; a name or a telephone number stays below
)


@sensitive_variables()
def without_private_keys(posted: QueryDict) -> tuple[QueryDict, dict[str, str]]:
    """Return a copy in which every field that holds a private key is empty, and what to tell beside each such field."""
    clean = posted.copy()
    told: dict[str, str] = {}
    for field, values in posted.lists():
        for value in values:
            warning = _warning(value)
            if warning:
                told[field] = warning
                clean[field] = ""
    return clean, told


@sensitive_variables()
def _warning(text: str) -> str:
    if len(text) < SHORTEST_KEY:
        return ""
    try:
        # The size limit is the CSR field's business: a key must be found in a text of any size.
        pasted.request_der(text, max_bytes=len(text))
    except UnacceptableCSR as refused:
        if "private_key_pasted" in refused.slugs:
            return str(refused)
    return ""
