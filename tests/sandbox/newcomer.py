"""A small ACME client (RFC 8555) that gets a certificate as any newcomer to the town could."""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
import time
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.x509.oid import NameOID

from tests.sandbox.running import RunningTown


def b64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


class Newcomer:
    """One ACME account."""

    def __init__(self, town: RunningTown) -> None:
        self.town = town
        context = ssl.create_default_context(cafile=town.env["ACME_CA_BUNDLE"])
        self.http = httpx.Client(verify=context, timeout=5, trust_env=False)
        self.directory = self.http.get(town.env["ACME_DIRECTORY_URL"]).json()
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.kid = ""
        account = self.post(self.directory["newAccount"], {"termsOfServiceAgreed": True})
        self.kid = account.headers["location"]

    @property
    def jwk(self) -> dict[str, str]:
        numbers = self.key.public_key().public_numbers()
        return {
            "crv": "P-256",
            "kty": "EC",
            "x": b64(numbers.x.to_bytes(32)),
            "y": b64(numbers.y.to_bytes(32)),
        }

    def post(self, url: str, payload: dict[str, Any] | None) -> httpx.Response:
        for _ in range(8):
            nonce = self.http.head(self.directory["newNonce"]).headers["replay-nonce"]
            who: dict[str, Any] = {"kid": self.kid} if self.kid else {"jwk": self.jwk}
            protected = b64(json.dumps({"alg": "ES256", "nonce": nonce, "url": url, **who}).encode())
            content = "" if payload is None else b64(json.dumps(payload).encode())
            r, s = utils.decode_dss_signature(
                self.key.sign(f"{protected}.{content}".encode(), ec.ECDSA(hashes.SHA256()))
            )
            body = {
                "protected": protected,
                "payload": content,
                "signature": b64(r.to_bytes(32) + s.to_bytes(32)),
            }
            answer = self.http.post(url, json=body, headers={"Content-Type": "application/jose+json"})
            if answer.is_success or not answer.json()["type"].endswith("badNonce"):
                break
        assert answer.is_success, answer.text
        return answer

    def obtain(self, names: list[str], method: str) -> tuple[str, str]:
        """Chain and key in PEM for `names`, their challenges published by the panel's JSON."""
        order = self.post(
            self.directory["newOrder"], {"identifiers": [{"type": "dns", "value": name} for name in names]}
        )
        for url in order.json()["authorizations"]:
            self.prove(url, method)
        key = ec.generate_private_key(ec.SECP256R1())
        csr = (
            x509.CertificateSigningRequestBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0].removeprefix("*."))]))
            .add_extension(
                x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False
            )
            .sign(key, hashes.SHA256())
        )
        self.post(order.json()["finalize"], {"csr": b64(csr.public_bytes(serialization.Encoding.DER))})
        done = self.wait(order.headers["location"])
        chain = self.post(done["certificate"], None).text
        key_pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return chain, key_pem.decode()

    def prove(self, url: str, method: str) -> None:
        authorization = self.post(url, None).json()
        if authorization["status"] == "valid":
            return
        challenge = next(item for item in authorization["challenges"] if item["type"] == method)
        name = authorization["identifier"]["value"]
        thumbprint = b64(
            hashlib.sha256(json.dumps(self.jwk, sort_keys=True, separators=(",", ":")).encode()).digest()
        )
        proof = f"{challenge['token']}.{thumbprint}"
        if method == "http-01":
            path = f"/.well-known/acme-challenge/{challenge['token']}"
            self.publish("files", host=name, path=path, content=proof)
        else:
            value = b64(hashlib.sha256(proof.encode()).digest())
            self.publish("records", type="TXT", name=f"_acme-challenge.{name}", value=value)
        self.post(challenge["url"], {})
        self.wait(url)

    def publish(self, what: str, **body: str) -> None:
        assert httpx.post(f"{self.town.panel}/api/{what}", json=body).status_code == 201

    def wait(self, url: str) -> dict[str, Any]:
        for _ in range(50):
            time.sleep(0.2)
            found: dict[str, Any] = self.post(url, None).json()
            if found["status"] == "valid":
                return found
            assert found["status"] != "invalid", found
        raise AssertionError("it never became valid")
