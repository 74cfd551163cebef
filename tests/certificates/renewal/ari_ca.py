"""The little CA with renewal information (RFC 9773): windows, Retry-After, and `replaces` once per certificate."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from certificates.renewal.ari import cert_id
from tests.certificates import samples
from tests.certificates.connectors.rough_ca import Reply, Request, problem
from tests.certificates.issuance.little_ca import LittleCa


class AriCa(LittleCa):
    """`window` is what it answers for every certificate; None: the middle third of the lifetime, as real CAs have it."""

    def __init__(self, folder: Path, days: int = 90) -> None:
        super().__init__(folder)
        self.directory["renewalInfo"] = self.url("/renewalInfo")
        self.days = days
        self.window: tuple[datetime, datetime] | None = None
        # The certIDs that `window` is about; None: all, also those that are yet to come.
        self.recalled: set[str] | None = None
        self.explanation = ""
        self.ari_retry_after: str | None = "86400"
        self.refuses_replaces: Reply | None = None
        self.replaced: dict[str, int] = {}
        self.told: list[str | None] = []
        self.issued: dict[str, x509.Certificate] = {}
        self.sign = self._sign

    def _sign(self, names: list[str], public: Any) -> str:
        now = datetime.now(UTC)
        leaf, chain = signed(names, public, now - timedelta(hours=1), now + timedelta(days=self.days))
        self.issued[cert_id(leaf.public_bytes(serialization.Encoding.PEM).decode())] = leaf
        return chain

    def _right(self, verb: str, path: str, request: Request) -> Reply:
        if verb == "renewalInfo":
            return self._renewal_info(path.rsplit("/", 1)[1], request)
        return super()._right(verb, path, request)

    def _renewal_info(self, name: str, request: Request) -> Reply:
        assert request.method == "GET"
        assert not request.raw
        leaf = self.issued.get(name)
        if leaf is None:
            return problem("malformed", 404, "No such certificate.")
        whole = leaf.not_valid_after_utc - leaf.not_valid_before_utc
        middle = leaf.not_valid_after_utc - whole / 3
        start, end = middle - whole / 50, middle + whole / 50
        if self.window and (self.recalled is None or name in self.recalled):
            start, end = self.window
        document: dict[str, Any] = {"suggestedWindow": {"start": _text(start), "end": _text(end)}}
        if self.explanation:
            document["explanationURL"] = self.explanation
        headers = {"Retry-After": self.ari_retry_after} if self.ari_retry_after else {}
        return Reply(200, document, headers)

    def _new_order(self, request: Request) -> Reply:
        replaces = request.payload.get("replaces")
        self.told.append(replaces)
        if replaces is None:
            return super()._new_order(request)
        if self.refuses_replaces is not None:
            return self.refuses_replaces
        before = self.replaced.get(replaces)
        if before is not None and self._state(self.orders[before]) != "invalid":
            return problem("alreadyReplaced", 409, "It has a successor.")
        reply = super()._new_order(request)
        self.replaced[replaces] = len(self.orders) - 1
        return reply


def signed(
    names: list[str], public: Any, not_before: datetime, not_after: datetime
) -> tuple[x509.Certificate, str]:
    """A leaf with an authority key identifier, and its chain as PEM."""
    _root, intermediate = samples.hierarchy()
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(intermediate.key.public_key())
    leaf = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(intermediate.certificate.subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(issuer, critical=False)
        .sign(intermediate.key, hashes.SHA256())
    )
    return leaf, samples.pem_of(leaf, intermediate)


def _text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
