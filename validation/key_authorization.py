"""What a key authorization becomes in DNS (RFC 8555 §8.1, §8.4)."""

from __future__ import annotations

import base64
import hashlib

LABEL = "_acme-challenge"


def value_of(key_authorization: str) -> str:
    """The TXT value: base64url of the SHA-256 digest, unpadded (RFC 8555 §8.4)."""
    digest = hashlib.sha256(key_authorization.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
