"""The nouns of the registry."""

from certificates.models.account import CaAccount, ProductIssuer
from certificates.models.acme_order import AcmeOrder
from certificates.models.activation import Activation, ActivationName
from certificates.models.campaign import Campaign
from certificates.models.certificate import Certificate
from certificates.models.inspection import Inspection
from certificates.models.issuance import Issuance
from certificates.models.key import PrivateKey
from certificates.models.limit import CaLimit, CaUse, LimitKind
from certificates.models.renewal_info import RenewalInfo
from certificates.models.revocation import Revocation

__all__ = [
    "AcmeOrder",
    "Activation",
    "ActivationName",
    "CaAccount",
    "CaLimit",
    "CaUse",
    "Campaign",
    "Certificate",
    "Inspection",
    "Issuance",
    "LimitKind",
    "PrivateKey",
    "ProductIssuer",
    "RenewalInfo",
    "Revocation",
]
