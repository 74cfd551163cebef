"""What every CA connector takes and gives: a handful of verbs and plain values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from certificates.connectors.problems import Problem


class OrderStatus(StrEnum):
    """RFC 8555 §7.1.3; `UNKNOWN` is our word for what the CA did not say or said in a word we do not know."""

    PENDING = "pending"
    READY = "ready"
    PROCESSING = "processing"
    VALID = "valid"
    INVALID = "invalid"
    UNKNOWN = "unknown"


class AuthorizationStatus(StrEnum):
    """RFC 8555 §7.1.4; a word we do not know becomes `UNKNOWN`."""

    PENDING = "pending"
    VALID = "valid"
    INVALID = "invalid"
    DEACTIVATED = "deactivated"
    EXPIRED = "expired"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


class ChallengeStatus(StrEnum):
    """RFC 8555 §7.1.5; a word we do not know becomes `UNKNOWN`."""

    PENDING = "pending"
    PROCESSING = "processing"
    VALID = "valid"
    INVALID = "invalid"
    UNKNOWN = "unknown"


class AccountStatus(StrEnum):
    """RFC 8555 §7.1.2; a word we do not know becomes `UNKNOWN`."""

    VALID = "valid"
    DEACTIVATED = "deactivated"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class CaEndpoint:
    """One account at one CA.

    `roots_pem` adds trust anchors for the CA's own TLS to the public ones. `account_key_pem` is an
    unencrypted PKCS #8 PEM (EC P-256, P-384, P-521 or RSA); it and `eab_hmac` never appear in a repr.
    `account_url` is None until `register` has given it. `contact` holds URLs (`mailto:...`).
    """

    directory_url: str
    account_key_pem: bytes = field(repr=False)
    roots_pem: str | None = field(default=None, repr=False)
    account_url: str | None = None
    eab_kid: str | None = None
    eab_hmac: str | None = field(default=None, repr=False)
    contact: tuple[str, ...] = ()


@dataclass(frozen=True)
class Identifier:
    """RFC 8555 §9.7.7: `type` is `dns` (a lower-case A-label name, `*.` allowed in an order) or `ip` (RFC 8738)."""

    value: str
    type: str = "dns"


@dataclass(frozen=True)
class DirectoryFacts:
    """What the CA says about itself (RFC 8555 §7.1.1). `profiles` maps a profile's name to its description.

    `terms_of_service` and `website` are http or https URLs, None where absent or of another kind.
    """

    terms_of_service: str | None
    website: str | None
    caa_identities: tuple[str, ...]
    external_account_required: bool
    profiles: Mapping[str, str]
    has_renewal_info: bool
    has_new_authz: bool
    has_key_change: bool


@dataclass(frozen=True)
class AccountFacts:
    """An account as the CA keeps it. `orders_url` is None where the CA lists no orders.

    `made` says that the CA had none of this key before (RFC 8555 §7.3: 201 instead of 200).
    """

    url: str
    status: AccountStatus
    contact: tuple[str, ...]
    orders_url: str | None
    made: bool = False


@dataclass(frozen=True)
class OrderFacts:
    """An order as the CA keeps it. `retry_at` is when the CA asks to be asked again, None when it did not say.

    `url` is empty only after `finalize` at a CA that did not repeat it; `profile` is the one the CA
    confirmed, None where it knows none.
    """

    url: str
    status: OrderStatus
    identifiers: tuple[Identifier, ...] = ()
    authorization_urls: tuple[str, ...] = ()
    finalize_url: str | None = None
    certificate_url: str | None = None
    expires: datetime | None = None
    problem: Problem | None = None
    retry_at: datetime | None = None
    profile: str | None = None


@dataclass(frozen=True)
class ChallengeFacts:
    """One way to show control. `token` is None for types that have none; where present it is safe in a path."""

    type: str
    url: str
    token: str | None
    status: ChallengeStatus
    problem: Problem | None = None
    validated: datetime | None = None
    retry_at: datetime | None = None


@dataclass(frozen=True)
class AuthorizationFacts:
    """An authorization. For a wildcard, `identifier` comes without `*.` and `wildcard` is true (§7.1.4)."""

    url: str
    identifier: Identifier
    wildcard: bool
    status: AuthorizationStatus
    expires: datetime | None
    challenges: tuple[ChallengeFacts, ...]
    retry_at: datetime | None = None


@dataclass(frozen=True)
class ChainFacts:
    """A PEM chain exactly as sent, leaf first, and the URLs of the CA's other chains for the same leaf."""

    pem: str
    alternates: tuple[str, ...]


@dataclass(frozen=True)
class RenewalFacts:
    """When the CA wants a certificate replaced (RFC 9773 §4.2); `window_start` < `window_end`, aware UTC.

    `explanation_url` is a page for people or empty; `retry_at` is when to ask again, a minute to a day ahead.
    """

    window_start: datetime
    window_end: datetime
    explanation_url: str
    retry_at: datetime


class Connector(Protocol):
    """A CA's verbs. Each but `directory` and `register` is one exchange; every one may raise a `CaError`."""

    @property
    def thumbprint(self) -> str:
        """The account key's RFC 7638 thumbprint, base64url."""
        ...

    def key_authorization(self, token: str) -> str:
        """RFC 8555 §8.1; raises `ProtocolViolation` for a token that is not base64url of 128 bits or more."""
        ...

    def dns_01_value(self, token: str) -> str:
        """The TXT value of RFC 8555 §8.4; raises like `key_authorization`."""
        ...

    def directory(self) -> DirectoryFacts:
        """Ask the CA what it is, afresh: the "test connection" verb. Creates nothing."""
        ...

    def register(self, *, terms_agreed: bool) -> AccountFacts:
        """Create the account, or find the one that already has this key: the same URL however often called."""
        ...

    def account(self) -> AccountFacts:
        """Find the account of this key; raises `OperatorMustAct` (accountDoesNotExist) where there is none."""
        ...

    def update_account(
        self, *, contact: Sequence[str] | None = None, terms_agreed: bool = False
    ) -> AccountFacts:
        """Replace the contact (URLs; empty: none), agree to the present terms; None and False change nothing."""
        ...

    def deactivate_account(self) -> AccountFacts:
        """Give the account up for good (RFC 8555 §7.3.6): the CA will answer nothing more to its key."""
        ...

    def change_key(self, new_key_pem: bytes) -> None:
        """Give the account another key, by which this connector speaks from then on. Thumbprint and all change."""
        ...

    def new_order(
        self, identifiers: Sequence[Identifier], *, profile: str | None = None, replaces: str | None = None
    ) -> OrderFacts:
        """Exactly one POST. The URL comes back even when the rest of the answer is unusable (status `UNKNOWN`)."""
        ...

    def order(self, url: str) -> OrderFacts:
        """Read an order; raises `NotFound` when the CA no longer has it."""
        ...

    def authorization(self, url: str) -> AuthorizationFacts:
        """Read an authorization."""
        ...

    def answer(self, challenge_url: str) -> ChallengeFacts:
        """Tell the CA to look (RFC 8555 §7.5.1). Read the authorization first: a second answer is refused."""
        ...

    def deactivate_authorization(self, url: str) -> AuthorizationFacts:
        """Give an authorization back (RFC 8555 §7.5.2). Some CAs ignore it: the status returned tells."""
        ...

    def finalize(self, finalize_url: str, csr_der: bytes) -> OrderFacts:
        """Hand in the CSR; raises `OrderNotReady` (read the order then) and `BadCsr`."""
        ...

    def certificate(self, url: str) -> ChainFacts:
        """Download a chain."""
        ...

    def revoke(self, certificate_der: bytes, reason: int, *, certificate_key: bytes | None = None) -> None:
        """Revoke with an RFC 5280 reason code; raises `AlreadyRevoked`.

        Signed by the account or, where `certificate_key` (unencrypted PKCS #8 DER) is given, by the certificate's own key,
        which needs no account (RFC 8555 §7.6).
        """
        ...

    def renewal_info(self, cert_id: str) -> RenewalFacts:
        """Ask when to replace a certificate (RFC 9773 §4.1 says how `cert_id` is made). Not signed, needs no account.

        Raises `OperatorMustAct` where the CA offers no such thing, `TryAgain` for an answer that is no window.
        """
        ...

    def orders(self, account: AccountFacts, *, max_pages: int = 20) -> Iterator[str]:
        """The account's order URLs where the CA lists them, one exchange a page, at most `max_pages`."""
        ...
