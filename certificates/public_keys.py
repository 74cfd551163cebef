"""Which public keys a CA will certify: kind, size, and known weaknesses (BR 6.1.1.3, 6.1.5, 6.1.6)."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

import badkeys
from badkeys.checks import defaultchecks
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.x509.oid import PublicKeyAlgorithmOID
from django.utils.translation import gettext as _

from certificates import keys
from certificates.csr_problems import Problem

# rsaEncryption and id-ecPublicKey; a key marked for RSASSA-PSS only is none that CAs take.
ALGORITHMS = frozenset({PublicKeyAlgorithmOID.RSAES_PKCS1_v1_5, PublicKeyAlgorithmOID.EC_PUBLIC_KEY})
RSA_SIZES = (2048, 3072, 4096)
RSA_EXPONENT = 65537
EC_CURVES = {"secp256r1": "ec-p256", "secp384r1": "ec-p384"}

# The block list is not part of the package: without a download that check would end the whole process.
_CHECKS = [check for check, about in defaultchecks.items() if check != "blocklist" and about["type"] == "rsa"]


@dataclass(frozen=True)
class KeyFacts:
    """A public key's kind (one of KEY_TYPES), size in bits and SHA-256 of its SubjectPublicKeyInfo."""

    key_type: str
    bits: int
    spki_sha256: str


def judge(key: PublicKeyTypes, forbidden_spki: Container[str]) -> tuple[KeyFacts | None, list[Problem]]:
    """The key's facts and no problem, or no facts and what is wrong with it."""
    if isinstance(key, rsa.RSAPublicKey):
        problem = _rsa_problem(key)
        key_type, bits = f"rsa-{key.key_size}", key.key_size
    elif isinstance(key, ec.EllipticCurvePublicKey):
        problem = _curve_problem(key)
        key_type, bits = EC_CURVES.get(key.curve.name, ""), key.key_size
    else:
        problem, key_type, bits = unsupported_kind(), "", 0
    if problem:
        return None, [problem]
    facts = KeyFacts(key_type, bits, keys.spki_sha256(key))
    if facts.spki_sha256 in forbidden_spki:
        return None, [_forbidden()]
    return facts, []


def unsupported_kind() -> Problem:
    message = _(
        "The key in this CSR is of a kind that public CAs do not certify for web servers (such as Ed25519 or DSA). "
        "Make a new key: RSA 2048 or ECDSA P-256."
    )
    return Problem("unsupported_key", "key", message)


def _rsa_problem(key: rsa.RSAPublicKey) -> Problem | None:
    numbers = key.public_numbers()
    if key.key_size < min(RSA_SIZES):
        message = _(
            "The RSA key has %(bits)d bits. Keys under 2048 bits can be broken and no CA accepts them: make a new key with 2048 bits."
        )
        return Problem("rsa_too_small", "key", message % {"bits": key.key_size})
    if key.key_size not in RSA_SIZES:
        message = _(
            "The RSA key has %(bits)d bits. CAs accept 2048, 3072 or 4096: make a new key with one of these sizes."
        )
        return Problem("rsa_size", "key", message % {"bits": key.key_size})
    if numbers.e != RSA_EXPONENT:
        message = _(
            "The RSA key has an unusual public exponent. CAs accept only 65537: make a new key with the usual settings."
        )
        return Problem("rsa_exponent", "key", message)
    if _known_weak(numbers.n, numbers.e):
        message = _(
            "This RSA key is weak: it was made by faulty software and its private half can be computed by others. "
            "Update the software that made it, then make a new key and a new CSR."
        )
        return Problem("weak_key", "key", message)
    return None


def _known_weak(n: int, e: int) -> bool:
    try:
        return bool(badkeys.checkrsa(n, e, checks=_CHECKS))
    except SystemExit as stopped:  # the library ends the process where data is missing
        raise RuntimeError("the weak-key checks lack their data") from stopped


def _curve_problem(key: ec.EllipticCurvePublicKey) -> Problem | None:
    if key.curve.name in EC_CURVES:
        return None
    message = _(
        "The ECDSA key is on the curve %(curve)s. CAs accept P-256 and P-384: make a new key on one of these curves."
    )
    return Problem("ec_curve", "key", message % {"curve": key.curve.name})


def _forbidden() -> Problem:
    message = _(
        "This key must not be used in a certificate: it was reported as compromised, or it serves another purpose. Make a new key and a new CSR."
    )
    return Problem("forbidden_key", "key", message)
