"""The nouns of the registry."""

from certificates.models.account import CaAccount, ProductIssuer
from certificates.models.acme_order import AcmeOrder
from certificates.models.activation import Activation, ActivationName
from certificates.models.certificate import Certificate
from certificates.models.inspection import Inspection
from certificates.models.issuance import Issuance
from certificates.models.key import PrivateKey

__all__ = [
    "AcmeOrder",
    "Activation",
    "ActivationName",
    "CaAccount",
    "Certificate",
    "Inspection",
    "Issuance",
    "PrivateKey",
    "ProductIssuer",
]
