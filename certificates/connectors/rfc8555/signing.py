"""Keys as ACME uses them: JWS, thumbprint, external account binding, revocation (RFC 8555 §6.2, §7.3.4, §7.6, §8.1)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from functools import lru_cache
from typing import Any

import josepy
from acme import jws, messages
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.views.decorators.debug import sensitive_variables

from certificates.connectors.problems import LOCAL_PREFIX, OperatorMustAct, Problem, ProtocolViolation, clean

# 128 bits of base64url (RFC 8555 §8.3, §8.4): 22 characters or more, all of them safe in a path.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{22,1000}")
_CURVE_ALGORITHMS = {"secp256r1": josepy.ES256, "secp384r1": josepy.ES384, "secp521r1": josepy.ES512}


class _Header(jws.Header):
    """The library's header, but the nonce goes back letter for letter: decoding and encoding need not return it."""

    nonce: Any = josepy.field("nonce", omitempty=True)


class _Signature(jws.Signature):
    __slots__ = jws.Signature._orig_slots
    header_cls = _Header
    header: _Header = josepy.field("header", omitempty=True, default=_Header(), decoder=_Header.from_json)


class _Jws(jws.JWS):
    __slots__ = jws.JWS._orig_slots
    signature_cls = _Signature


def _misconfigured(detail: str) -> OperatorMustAct:
    return OperatorMustAct(Problem(LOCAL_PREFIX + "configuration", detail))


def usable_token(value: object) -> str | None:
    """`value` if it is a challenge token that may be put in a path, else None."""
    return value if isinstance(value, str) and _TOKEN.fullmatch(value) else None


def _jwk_of(key: object) -> tuple[josepy.JWK, josepy.JWASignature]:
    if isinstance(key, rsa.RSAPrivateKey):
        return josepy.JWKRSA(key=key), josepy.RS256
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVE_ALGORITHMS:
        return josepy.JWKEC(key=key), _CURVE_ALGORITHMS[key.curve.name]
    raise _misconfigured("A key that signs for a CA must be of RSA, P-256, P-384 or P-521.")


class SigningKey:
    """What signs requests: an account's key or, to revoke, a certificate's."""

    _jwk: josepy.JWK
    _algorithm: josepy.JWASignature

    def sign(self, payload: bytes, *, url: str, nonce: str, account_url: str | None) -> bytes:
        """A flattened JWS over `payload` (b"" for POST-as-GET), by `kid` or, without an account URL, by `jwk`.

        By `kid`, as all but the first few requests are, it is put together here (RFC 7515 §7.2.2): the library's objects
        for it take five times as long as the signature.
        """
        if account_url is None:
            named: dict[str, Any] = {"nonce": nonce, "url": url}
            signed = _Jws.sign(payload, key=self._jwk, alg=self._algorithm, **named)
            return str(signed.json_dumps()).encode()
        header = {"alg": self._algorithm.name, "kid": account_url, "nonce": nonce, "url": url}
        protected = josepy.encode_b64jose(json.dumps(header).encode())
        body = josepy.encode_b64jose(payload)
        signature = self._algorithm.sign(self._jwk.key, f"{protected}.{body}".encode())
        parts = {"protected": protected, "payload": body, "signature": josepy.encode_b64jose(signature)}
        return json.dumps(parts).encode()


class CertificateKey(SigningKey):
    """A certificate's own private key, which may sign one thing only: that certificate's revocation (RFC 8555 §7.6)."""

    @sensitive_variables()
    def __init__(self, der: bytes) -> None:
        """`der` is unencrypted PKCS #8. Raises `OperatorMustAct`, without quoting the key."""
        try:
            key = serialization.load_der_private_key(der, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise _misconfigured("The certificate's key cannot be read.") from None
        self._jwk, self._algorithm = _jwk_of(key)


class AccountKey(SigningKey):
    """The private key of an account at a CA."""

    def __init__(self, pem: bytes) -> None:
        """Raises `OperatorMustAct`, without quoting the key, unless `pem` is an unencrypted RSA or EC key."""
        try:
            key = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise _misconfigured("The CA account's key cannot be read.") from None
        self._jwk, self._algorithm = _jwk_of(key)
        thumbprint = self._jwk.public_key().thumbprint(hash_function=hashes.SHA256)
        self.thumbprint: str = josepy.encode_b64jose(thumbprint)

    def bind(self, kid: str, hmac_key: str, directory: messages.Directory) -> dict[str, object]:
        """The external account binding of this key. The HMAC key may be pasted padded, wrapped, with + and /.

        Raises `OperatorMustAct` if it is not base64 at all.
        """
        binding: dict[str, object] = messages.ExternalAccountBinding.from_data(
            account_public_key=self._jwk.public_key(),
            kid=kid.strip(),
            hmac_key=tidy_hmac(hmac_key),
            directory=directory,
        )
        return binding

    def take_over(self, old: AccountKey, *, account_url: str, url: str) -> dict[str, Any]:
        """The inner JWS of a key change to this key (RFC 8555 §7.3.5): no nonce, the `url` of the outer one."""
        claim = {"account": account_url, "oldKey": old._jwk.public_key().to_json()}
        signed = _Jws.sign(
            json.dumps(claim).encode(), key=self._jwk, alg=self._algorithm, nonce=None, url=url
        )
        inner: dict[str, Any] = json.loads(signed.json_dumps())
        return inner

    def key_authorization(self, token: str) -> str:
        """RFC 8555 §8.1; raises `ProtocolViolation` for an unusable token."""
        if usable_token(token) is None:
            raise ProtocolViolation(
                Problem(
                    LOCAL_PREFIX + "unusableToken", f"The challenge's token is unusable: {clean(token, 100)}"
                )
            )
        return f"{token}.{self.thumbprint}"

    def dns_01_value(self, token: str) -> str:
        """RFC 8555 §8.4: base64url of the key authorization's SHA-256."""
        return str(josepy.encode_b64jose(hashlib.sha256(self.key_authorization(token).encode()).digest()))


@lru_cache(maxsize=64)
def account_key(pem: bytes) -> AccountKey:
    """The key of an account, read once in a process: each walk of an order asks for it anew. Raises like AccountKey."""
    return AccountKey(pem)


def tidy_hmac(pasted: str) -> str:
    """An HMAC key as unpadded base64url, from any base64 people paste; raises `OperatorMustAct`."""
    text = "".join(pasted.split()).rstrip("=").replace("+", "-").replace("/", "_")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise _misconfigured("The external account binding's HMAC key is not base64url.")
    return base64.urlsafe_b64encode(key).decode().rstrip("=")
