"""Revocation: from "this shall not be trusted any longer" to the CA having said so (RFC 8555 §7.6)."""

from certificates.revocation.asking import NotPossible, request, revocable, same_key
from certificates.revocation.revoking import issuing_account, revoke

__all__ = ["NotPossible", "issuing_account", "request", "revocable", "revoke", "same_key"]
