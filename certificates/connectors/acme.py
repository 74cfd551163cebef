"""The connector for any CA that speaks ACME (RFC 8555), with or without external account binding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

import josepy
from acme import messages
from django.views.decorators.debug import sensitive_variables

from certificates.connectors.base import (
    AccountFacts,
    AuthorizationFacts,
    CaEndpoint,
    ChainFacts,
    ChallengeFacts,
    DirectoryFacts,
    Identifier,
    OrderFacts,
    OrderStatus,
    RenewalFacts,
)
from certificates.connectors.problems import (
    ACME_PREFIX,
    LOCAL_PREFIX,
    NotFound,
    OperatorMustAct,
    Problem,
    ProtocolViolation,
    TryAgain,
)
from certificates.connectors.rfc8555.client import Clock, client_for, document_of, utc_now
from certificates.connectors.rfc8555.headers import https_url, links, parse_retry_after, require_https
from certificates.connectors.rfc8555.messages import (
    read_account,
    read_authorization,
    read_chain,
    read_challenge,
    read_order,
    read_renewal,
)
from certificates.connectors.rfc8555.signing import AccountKey, CertificateKey, account_key
from certificates.connectors.rfc8555.transport import Answer

_CHAIN_TYPE = "application/pem-certificate-chain"
_NO_SUCH_ACCOUNT = {
    ACME_PREFIX + word for word in ("accountDoesNotExist", "externalAccountRequired", "malformed")
}
# RFC 9773 §4.3: obeyed, within limits that keep a mistake of the CA from being one of ours.
_ASK_AGAIN = timedelta(hours=6)
_SOONEST, _LATEST = timedelta(minutes=1), timedelta(days=1)


class AcmeConnector:
    """One account at one ACME CA. Cheap to make: connection, nonces and directory are shared per process."""

    def __init__(self, endpoint: CaEndpoint, *, clock: Clock = utc_now) -> None:
        """`clock` gives the aware UTC against which Retry-After is read.

        Raises `OperatorMustAct` for an unreadable account key or unusable extra roots.
        """
        self._endpoint = endpoint
        self._clock = clock
        self._key = account_key(endpoint.account_key_pem)
        self._client = client_for(endpoint.directory_url, endpoint.roots_pem)
        self._account_url = endpoint.account_url

    @property
    def thumbprint(self) -> str:
        return self._key.thumbprint

    def key_authorization(self, token: str) -> str:
        return self._key.key_authorization(token)

    def dns_01_value(self, token: str) -> str:
        return self._key.dns_01_value(token)

    def directory(self) -> DirectoryFacts:
        return self._client.fetch_directory(self._clock)

    def register(self, *, terms_agreed: bool) -> AccountFacts:
        """newAccount (RFC 8555 §7.3). A binding may be good for one use only, so a bound account is looked up first."""
        endpoint = self._endpoint
        wanted: dict[str, Any] = {"contact": endpoint.contact} if endpoint.contact else {}
        if terms_agreed:
            wanted["terms_of_service_agreed"] = True
        if not endpoint.eab_kid and not endpoint.eab_hmac:
            return self._new_account(messages.NewRegistration(**wanted))
        known = self._find()
        if known is not None:
            return known
        wanted["external_account_binding"] = self._binding()
        try:
            return self._new_account(messages.NewRegistration(**wanted))
        except OperatorMustAct:
            # Another worker may have spent the binding for this very key a moment ago.
            known = self._find()
            if known is None:
                raise
            return known

    def _find(self) -> AccountFacts | None:
        """The account of this key. Some CAs ask for the binding, or see a mistake, before they look for the account."""
        try:
            return self.account()
        except (OperatorMustAct, NotFound) as error:
            if isinstance(error, NotFound) or error.typ in _NO_SUCH_ACCOUNT:
                return None
            raise

    def _binding(self) -> dict[str, object]:
        if not self._endpoint.eab_hmac:
            raise OperatorMustAct(
                Problem(
                    ACME_PREFIX + "externalAccountRequired",
                    "The external account binding has been used. Enter the key id and HMAC key of a new one.",
                )
            )
        directory = self._client.directory(self._clock)
        return self._key.bind(self._endpoint.eab_kid or "", self._endpoint.eab_hmac, directory)

    def account(self) -> AccountFacts:
        return self._new_account(messages.NewRegistration(only_return_existing=True))

    def _new_account(self, wanted: messages.NewRegistration) -> AccountFacts:
        answer = self._client.post(
            "newAccount",
            self._key,
            self._resource("newAccount"),
            wanted.to_json(),
            account_url=None,
            now=self._clock,
        )
        # Read first: a page in place of an answer, as load balancers send, names no account and refuses none.
        document = document_of(answer)
        url = require_https(answer.headers.get("Location"), "account URL", base=answer.url)
        self._account_url = url
        return replace(read_account(document, url=url), made=answer.status == HTTPStatus.CREATED)

    def update_account(
        self, *, contact: Sequence[str] | None = None, terms_agreed: bool = False
    ) -> AccountFacts:
        """RFC 8555 §7.3.2 and §7.3.3."""
        wanted: dict[str, object] = {} if contact is None else {"contact": list(contact)}
        if terms_agreed:
            wanted["termsOfServiceAgreed"] = True
        return self._change_account("updateAccount", wanted)

    def deactivate_account(self) -> AccountFacts:
        return self._change_account("deactivateAccount", {"status": "deactivated"})

    def _change_account(self, verb: str, wanted: Mapping[str, object]) -> AccountFacts:
        answer = self._post(verb, self._account_url or "", wanted)
        return read_account(answer.json_object() or {}, url=answer.url)

    def change_key(self, new_key_pem: bytes) -> None:
        """keyChange (RFC 8555 §7.3.5): the new key signs over the old one, the old one over that."""
        url, new = self._resource("keyChange"), AccountKey(new_key_pem)
        self._post("keyChange", url, new.take_over(self._key, account_url=self._account_url or "", url=url))
        self._key = new

    def new_order(
        self, identifiers: Sequence[Identifier], *, profile: str | None = None, replaces: str | None = None
    ) -> OrderFacts:
        wanted: dict[str, object] = {
            "identifiers": [
                {"type": identifier.type, "value": identifier.value} for identifier in identifiers
            ]
        }
        if profile:
            wanted["profile"] = profile
        if replaces:
            wanted["replaces"] = replaces
        answer = self._post("newOrder", self._resource("newOrder"), wanted)
        location = answer.headers.get("Location")
        if not location:
            raise TryAgain(
                Problem(
                    LOCAL_PREFIX + "unusableAnswer",
                    "The CA made an order without saying where.",
                    answer.status,
                ),
                may_have_acted=True,
            )
        url = require_https(location, "order URL", base=answer.url)
        try:
            return read_order(answer.json_object() or {}, url=url, retry_at=self._retry_at(answer))
        except ProtocolViolation:
            # The order exists: its URL must reach the caller's row before anything else can fail.
            return OrderFacts(url=url, status=OrderStatus.UNKNOWN)

    def order(self, url: str) -> OrderFacts:
        answer = self._post("order", url, None)
        return read_order(document_of(answer), url=url, retry_at=self._retry_at(answer))

    def authorization(self, url: str) -> AuthorizationFacts:
        return self._authorization(self._post("authorization", url, None))

    def answer(self, challenge_url: str) -> ChallengeFacts:
        answer = self._post("challenge", challenge_url, {})
        return read_challenge(
            document_of(answer), base=challenge_url, url=challenge_url, retry_at=self._retry_at(answer)
        )

    def deactivate_authorization(self, url: str) -> AuthorizationFacts:
        return self._authorization(self._post("deactivate", url, {"status": "deactivated"}))

    def _authorization(self, answer: Answer) -> AuthorizationFacts:
        return read_authorization(document_of(answer), url=answer.url, retry_at=self._retry_at(answer))

    def finalize(self, finalize_url: str, csr_der: bytes) -> OrderFacts:
        answer = self._post("finalize", finalize_url, {"csr": josepy.encode_b64jose(csr_der)})
        url = https_url(answer.headers.get("Location"), base=answer.url) or ""
        return read_order(document_of(answer), url=url, retry_at=self._retry_at(answer))

    def certificate(self, url: str) -> ChainFacts:
        answer = self._post("certificate", url, None, accept=_CHAIN_TYPE)
        pem = read_chain(answer.body.decode("ascii", errors="replace"))
        if pem is None:
            raise TryAgain(
                Problem(
                    LOCAL_PREFIX + "unusableAnswer", "The CA's answer holds no certificate.", answer.status
                )
            )
        return ChainFacts(pem, links(answer.headers.get("Link"), "alternate", base=url))

    @sensitive_variables("certificate_key")
    def revoke(self, certificate_der: bytes, reason: int, *, certificate_key: bytes | None = None) -> None:
        wanted = {"certificate": josepy.encode_b64jose(certificate_der), "reason": reason}
        if certificate_key is None:
            self._post("revokeCert", self._resource("revokeCert"), wanted)
            return
        key = CertificateKey(certificate_key)
        url = self._resource("revokeCert")
        self._client.post("revokeCert", key, url, wanted, account_url=None, now=self._clock)

    def renewal_info(self, cert_id: str) -> RenewalFacts:
        url = f"{self._resource('renewalInfo').rstrip('/')}/{cert_id}"
        answer, now = self._client.get("renewalInfo", url, now=self._clock), self._clock()
        said = parse_retry_after(answer.headers.get("Retry-After"), now=now) or now + _ASK_AGAIN
        retry_at = min(max(said, now + _SOONEST), now + _LATEST)
        facts = read_renewal(document_of(answer), retry_at=retry_at)
        if facts is None:
            told = "The CA's answer names no window in which to renew."
            raise TryAgain(Problem(LOCAL_PREFIX + "unusableAnswer", told, answer.status, retry_at=retry_at))
        return facts

    def orders(self, account: AccountFacts, *, max_pages: int = 20) -> Iterator[str]:
        """RFC 8555 §7.1.2.1; order URLs that are not https are left out."""
        page, seen = account.orders_url, set[str]()
        while page is not None and page not in seen and len(seen) < max_pages:
            seen.add(page)
            answer = self._post("orders", page, None)
            listed = document_of(answer).get("orders")
            for item in listed if isinstance(listed, list) else []:
                url = https_url(item, base=page)
                if url is not None:
                    yield url
            page = next(iter(links(answer.headers.get("Link"), "next", base=page)), None)

    def _post(
        self, verb: str, url: str, payload: Mapping[str, Any] | None, *, accept: str = "application/json"
    ) -> Answer:
        if self._account_url is None:
            raise OperatorMustAct(
                Problem(ACME_PREFIX + "accountDoesNotExist", "This CA account has not been registered yet.")
            )
        return self._client.post(
            verb, self._key, url, payload, account_url=self._account_url, now=self._clock, accept=accept
        )

    def _resource(self, name: str) -> str:
        return self._client.resource(name, self._clock)

    def _retry_at(self, answer: Answer) -> datetime | None:
        return parse_retry_after(answer.headers.get("Retry-After"), now=self._clock())
