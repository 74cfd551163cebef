"""The registry in the admin."""

from certificates.admin import account, activation, certificate, issuance, renewal, revocation

__all__ = ["account", "activation", "certificate", "issuance", "renewal", "revocation"]
