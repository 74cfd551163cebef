"""Would the CA that a name is shown to be kept out by CAA records (RFC 8659, RFC 8657)?"""

from __future__ import annotations

from certificates.models import AcmeOrder, CaAccount
from identifiers.names import Name
from leases.prepared import Prepared
from orders.models import Product
from validation import caa
from validation.models import Authorization
from validation.models.authorization import Method
from validation.problems import Finding

# Asked at every look at a name.
_newest_order = Prepared(
    lambda authorization: (
        AcmeOrder.objects.needing(authorization)
        .select_related("account")
        .only("account__caa_identities", "account__account_url")
        .order_by("-pk")[:1]
    ),
    Authorization._meta.pk,
)


def issuers_of(product: Product) -> tuple[list[str], str | None]:
    """The names in CAA of every CA that may fulfil the product, and the account's URL where it can be no other's."""
    accounts = list(CaAccount.objects.for_product(product))
    issuers = sorted({issuer for account in accounts for issuer in account.caa_names()})
    # With several CAs, or an account for each customer, nobody knows yet whose account it will be.
    known = len(accounts) == 1 and not accounts[0].per_customer
    return issuers, (accounts[0].account_url or None) if known else None


def refusal(authorization: Authorization) -> Finding | None:
    """The finding that says so, None where the CA may issue or cannot be told from others by name."""
    if Name(authorization.identifier).is_ip:
        return None
    order = _newest_order.first(authorization.pk)
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
