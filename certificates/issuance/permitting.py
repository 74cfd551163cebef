"""Would the CA that a name is shown to be kept out by CAA records (RFC 8659, RFC 8657)?"""

from __future__ import annotations

from certificates.models import AcmeOrder
from identifiers.names import Name
from validation import caa
from validation.models import Authorization
from validation.models.authorization import Method
from validation.problems import Finding


def refusal(authorization: Authorization) -> Finding | None:
    """The finding that says so, None where the CA may issue or cannot be told from others by name."""
    if Name(authorization.identifier).is_ip:
        return None
    order = AcmeOrder.objects.needing(authorization).select_related("account").order_by("-pk").first()
    issuers = order.account.caa_names() if order is not None else []
    if order is None or not issuers:
        return None
    report = caa.permits(
        authorization.identifier,
        authorization.wildcard,
        issuers,
        account_url=order.account.account_url or None,
        # What answers for a name shown by Email is not known beforehand.
        method=None if authorization.method == Method.EMAIL else authorization.method,
    )
    return None if report.allowed else report.finding
