"""Account keys: signatures, thumbprints, key authorizations, pasted HMAC keys."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest
from acme import messages
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hmac import HMAC

from certificates import keys
from certificates.connectors.problems import OperatorMustAct, ProtocolViolation
from certificates.connectors.rfc8555.signing import AccountKey, CertificateKey, tidy_hmac
from tests.contracts.ca import key_pem

URL = "https://ca.example/acme/new-order"
TOKEN = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def p256() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def jwk_of(key: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    numbers = key.public_key().public_numbers()
    x, y = encode(numbers.x.to_bytes(32, "big")), encode(numbers.y.to_bytes(32, "big"))
    return {"crv": "P-256", "kty": "EC", "x": x, "y": y}


def thumbprint_of(key: ec.EllipticCurvePrivateKey) -> str:
    canonical = json.dumps(jwk_of(key), sort_keys=True, separators=(",", ":"))
    return encode(hashlib.sha256(canonical.encode()).digest())


def test_the_thumbprint_is_that_of_rfc_7638_for_any_key() -> None:
    # Enough keys that some coordinates begin with a zero byte.
    for _ in range(300):
        key = p256()
        assert AccountKey(key_pem(key)).thumbprint == thumbprint_of(key)


def test_a_signature_names_key_or_account_and_verifies() -> None:
    key = p256()
    for account_url in (None, "https://ca.example/account/1"):
        nonce = "not-what-any-bytes-give"
        signed = json.loads(
            AccountKey(key_pem(key)).sign(b"{}", url=URL, nonce=nonce, account_url=account_url)
        )
        protected = json.loads(decode(signed["protected"]))
        assert set(signed) == {"protected", "payload", "signature"}
        expected = {"alg": "ES256", "nonce": nonce, "url": URL}
        assert protected == expected | ({"kid": account_url} if account_url else {"jwk": jwk_of(key)})
        assert decode(signed["payload"]) == b"{}"
        raw = decode(signed["signature"])
        signature = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        message = f"{signed['protected']}.{signed['payload']}".encode()
        key.public_key().verify(signature, message, ec.ECDSA(hashes.SHA256()))


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (ec.generate_private_key(ec.SECP384R1()), "ES384"),
        (ec.generate_private_key(ec.SECP521R1()), "ES512"),
        (rsa.generate_private_key(65537, 2048), "RS256"),
    ],
)
def test_other_account_keys_sign_with_their_algorithm(
    key: ec.EllipticCurvePrivateKey, algorithm: str
) -> None:
    signed = json.loads(AccountKey(key_pem(key)).sign(b"", url=URL, nonce="n", account_url=None))
    assert json.loads(decode(signed["protected"]))["alg"] == algorithm
    assert signed["payload"] == ""


@pytest.mark.parametrize(
    ("kind", "algorithm"), [("rsa-2048", "RS256"), ("ec-p256", "ES256"), ("ec-p384", "ES384")]
)
def test_a_certificates_key_signs_as_what_it_is(kind: str, algorithm: str) -> None:
    key = keys.generate(kind)
    signed = json.loads(CertificateKey(keys.to_der(key)).sign(b"{}", url=URL, nonce="n", account_url=None))
    protected = json.loads(decode(signed["protected"]))
    assert (protected["alg"], "kid" in protected) == (algorithm, False)
    assert not {"d", "p", "q", "dp", "dq", "qi"} & set(protected["jwk"]), "the private half stays here"


def test_a_certificates_key_that_cannot_be_read_is_not_quoted() -> None:
    for der in (b"SECRET-OF-SOMEBODY", encrypted()):
        with pytest.raises(OperatorMustAct) as refused:
            CertificateKey(der)
        assert "SECRET" not in str(refused.value)
        assert refused.value.__cause__ is None


def encrypted() -> bytes:
    return p256().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )


def public() -> bytes:
    return (
        p256()
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def edwards() -> bytes:
    return ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def rsa_public() -> bytes:
    return (
        rsa.generate_private_key(65537, 2048)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


@pytest.mark.parametrize("pem", [b"", b"secret words", encrypted(), public(), rsa_public(), edwards()])
def test_an_unusable_account_key_is_the_operators_and_is_not_quoted(pem: bytes) -> None:
    with pytest.raises(OperatorMustAct) as refused:
        AccountKey(pem)
    assert "secret" not in str(refused.value)


def test_key_authorization_and_txt_value_follow_the_rfc() -> None:
    key = p256()
    account = AccountKey(key_pem(key))
    authorization = f"{TOKEN}.{thumbprint_of(key)}"
    assert account.key_authorization(TOKEN) == authorization
    assert account.dns_01_value(TOKEN) == encode(hashlib.sha256(authorization.encode()).digest())


@pytest.mark.parametrize(
    "token",
    [
        "",
        "short",
        "x" * 21,
        "../../etc/passwd/aaaaaaaaaaaaaa",
        TOKEN + "=",
        TOKEN + "\n",
        "é" * 22,
        "a" * 2000,
    ],
)
def test_it_refuses_a_token_that_is_not_safe_in_a_path(token: str) -> None:
    account = AccountKey(key_pem(p256()))
    with pytest.raises(ProtocolViolation):
        account.key_authorization(token)
    with pytest.raises(ProtocolViolation):
        account.dns_01_value(token)


SECRET = bytes(range(240, 256)) * 2


@pytest.mark.parametrize(
    "pasted",
    [
        encode(SECRET),
        base64.urlsafe_b64encode(SECRET).decode(),
        base64.b64encode(SECRET).decode(),
        base64.b64encode(SECRET).decode().rstrip("="),
        f"  {base64.b64encode(SECRET).decode()[:20]}\r\n{base64.b64encode(SECRET).decode()[20:]}\n",
    ],
)
def test_an_hmac_key_is_understood_however_it_was_pasted(pasted: str) -> None:
    assert tidy_hmac(pasted) == encode(SECRET)


@pytest.mark.parametrize("pasted", ["", "   ", "a", "not base64!", "é", "===", "abc*"])
def test_what_is_no_hmac_key_is_the_operators_and_is_not_quoted(pasted: str) -> None:
    with pytest.raises(OperatorMustAct) as refused:
        tidy_hmac(pasted)
    assert pasted.strip() == "" or pasted not in str(refused.value) or len(pasted) < 4


def test_a_binding_is_an_hmac_over_the_account_key() -> None:
    key = p256()
    directory = messages.Directory({"newAccount": "https://ca.example/new-account"})
    binding = AccountKey(key_pem(key)).bind(" kid-1 ", base64.b64encode(SECRET).decode(), directory)
    protected, payload = str(binding["protected"]), str(binding["payload"])
    assert json.loads(decode(protected)) == {
        "alg": "HS256",
        "kid": "kid-1",
        "url": "https://ca.example/new-account",
    }
    assert json.loads(decode(payload)) == jwk_of(key)
    mac = HMAC(SECRET, hashes.SHA256())
    mac.update(f"{protected}.{payload}".encode())
    mac.verify(decode(str(binding["signature"])))
