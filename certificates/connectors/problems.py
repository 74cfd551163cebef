"""What can go wrong at a CA, sorted by who must act and when."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum

ACME_PREFIX = "urn:ietf:params:acme:error:"
LOCAL_PREFIX = "urn:chancery:error:"
TEXT_LIMIT = 2000


class Outcome(StrEnum):
    """Who must act, when: at once, at a stated time, later by itself, the customer, the operator, nobody."""

    NOW = "now"
    AT = "at"
    BACKOFF = "backoff"
    CUSTOMER = "customer"
    OPERATOR = "operator"
    FINAL = "final"


class Place(Enum):
    """Where a problem was found: answering our request, or inside a challenge or order the CA keeps."""

    REQUEST = "request"
    CHALLENGE = "challenge"
    ORDER = "order"


@dataclass(frozen=True)
class Subproblem:
    """RFC 8555 §6.7.1: a problem of one name. `identifier` is that name, empty if the CA named none."""

    typ: str
    detail: str
    identifier: str


@dataclass(frozen=True)
class Problem:
    """A problem document (RFC 7807, RFC 8555 §6.7) in safe text: no control characters, 2,000 at most.

    `typ` is the whole URN; `status` the HTTP status, 0 when there was no answer; `instance`, `terms_of_service`
    and `help` are URLs a page may link to or None; `retry_at` is aware UTC.
    """

    typ: str
    detail: str
    status: int = 0
    subproblems: tuple[Subproblem, ...] = ()
    instance: str | None = None
    terms_of_service: str | None = None
    help: str | None = None
    retry_at: datetime | None = None


class CaError(Exception):
    """The CA did not do what was asked. `may_have_acted` is true when it cannot be known that it did nothing."""

    outcome: Outcome

    def __init__(self, problem: Problem, may_have_acted: bool = False) -> None:
        super().__init__(problem, may_have_acted)
        self.problem = problem
        self.may_have_acted = may_have_acted

    def __str__(self) -> str:
        return f"{self.problem.typ}: {self.problem.detail}"

    @property
    def typ(self) -> str:
        return self.problem.typ

    @property
    def detail(self) -> str:
        return self.problem.detail

    @property
    def status(self) -> int:
        return self.problem.status

    @property
    def subproblems(self) -> tuple[Subproblem, ...]:
        return self.problem.subproblems

    @property
    def instance(self) -> str | None:
        return self.problem.instance

    @property
    def retry_at(self) -> datetime | None:
        return self.problem.retry_at


class RetryAt(CaError):
    """The CA says later; `retry_at` is always set."""

    outcome = Outcome.AT


class TryAgain(CaError):
    """Transport or CA trouble: says nothing about the order and must not change it. `retry_at` may be None."""

    outcome = Outcome.BACKOFF


class CustomerMustAct(CaError):
    """The customer's DNS, server or CSR is in the way."""

    outcome = Outcome.CUSTOMER


class BadCsr(CustomerMustAct):
    """The CSR is refused; the order usually stays `ready` for an amended one (RFC 8555 §7.4)."""


class OperatorMustAct(CaError):
    """The account, our configuration or our software is in the way: every order of this account waits."""

    outcome = Outcome.OPERATOR


class ProtocolViolation(OperatorMustAct):
    """The CA sent what no CA may send: an URL without TLS, a token unfit for a path."""


class Refused(CaError):
    """The CA will never issue for this name."""

    outcome = Outcome.FINAL


class OrderNotReady(CaError):
    """Finalize came too early or too late: read the order (RFC 8555 §7.4)."""

    outcome = Outcome.NOW


class AlreadyReplaced(CaError):
    """The predecessor has a successor: order again without `replaces` (RFC 9773 §5)."""

    outcome = Outcome.NOW


class AlreadyRevoked(CaError):
    """What was asked for is already so."""

    outcome = Outcome.NOW


class NotFound(CaError):
    """The CA has no such resource (any more)."""

    outcome = Outcome.OPERATOR


@dataclass(frozen=True)
class Rule:
    """One row of the table: who acts when this is the answer to a request, and when a validation ended so."""

    request: Outcome
    validation: Outcome
    raises: type[CaError] | None = None


_BY_OUTCOME: dict[Outcome, type[CaError]] = {
    Outcome.NOW: TryAgain,
    Outcome.AT: RetryAt,
    Outcome.BACKOFF: TryAgain,
    Outcome.CUSTOMER: CustomerMustAct,
    Outcome.OPERATOR: OperatorMustAct,
    Outcome.FINAL: Refused,
}

# RFC 8555 §6.7, RFC 9773 §7.4, RFC 9799 §6.4, draft-ietf-acme-profiles §6.3, and the words CAs added themselves.
RULES: dict[str, Rule] = {
    "accountDoesNotExist": Rule(Outcome.OPERATOR, Outcome.OPERATOR),
    "alreadyReplaced": Rule(Outcome.NOW, Outcome.NOW, AlreadyReplaced),
    "alreadyRevoked": Rule(Outcome.NOW, Outcome.NOW, AlreadyRevoked),
    "badCSR": Rule(Outcome.CUSTOMER, Outcome.CUSTOMER, BadCsr),
    "badNonce": Rule(Outcome.NOW, Outcome.NOW),
    "badPublicKey": Rule(Outcome.OPERATOR, Outcome.OPERATOR),
    "badRevocationReason": Rule(Outcome.OPERATOR, Outcome.OPERATOR),
    "badSignatureAlgorithm": Rule(Outcome.OPERATOR, Outcome.OPERATOR),
    "caa": Rule(Outcome.CUSTOMER, Outcome.CUSTOMER),
    "compound": Rule(Outcome.OPERATOR, Outcome.CUSTOMER),
    "connection": Rule(Outcome.CUSTOMER, Outcome.CUSTOMER),
    "dns": Rule(Outcome.CUSTOMER, Outcome.CUSTOMER),
    "dnssec": Rule(Outcome.CUSTOMER, Outcome.CUSTOMER),
    "externalAccountRequired": Rule(Outcome.OPERATOR, Outcome.OPERATOR),
    "incorrectResponse": Rule(Outcome.CUSTOMER, Outcome.CUSTOMER),
    "invalidContact": Rule(Outcome.OPERATOR, Outcome.OPERATOR),
    "invalidEmail": Rule(Outcome.OPERATOR, Outcome.OPERATOR),
    "invalidProfile": Rule(Outcome.OPERATOR, Outcome.OPERATOR),
    "malformed": Rule(Outcome.OPERATOR, Outcome.CUSTOMER),
    "onionCAARequired": Rule(Outcome.CUSTOMER, Outcome.CUSTOMER),
    "orderNotReady": Rule(Outcome.NOW, Outcome.NOW, OrderNotReady),
    "rateLimited": Rule(Outcome.AT, Outcome.AT),
    "rejectedIdentifier": Rule(Outcome.FINAL, Outcome.FINAL),
    "serverInternal": Rule(Outcome.BACKOFF, Outcome.BACKOFF),
    "tls": Rule(Outcome.CUSTOMER, Outcome.CUSTOMER),
    "unauthorized": Rule(Outcome.OPERATOR, Outcome.CUSTOMER),
    "unknownHost": Rule(Outcome.CUSTOMER, Outcome.CUSTOMER),
    "unsupportedContact": Rule(Outcome.OPERATOR, Outcome.OPERATOR),
    "unsupportedIdentifier": Rule(Outcome.FINAL, Outcome.FINAL),
    "userActionRequired": Rule(Outcome.OPERATOR, Outcome.OPERATOR),
}

# A validation that failed for an unknown reason is the customer's to look at; a request, the operator's.
_UNKNOWN = Rule(Outcome.OPERATOR, Outcome.CUSTOMER)
# Types that say nothing themselves when subproblems do (RFC 8555 §6.7.1 shows both).
_UMBRELLAS = frozenset({"compound", "malformed"})
# Of several outcomes the one that no waiting and no other person's work removes wins.
_SEVERITY = (
    Outcome.NOW,
    Outcome.BACKOFF,
    Outcome.AT,
    Outcome.CUSTOMER,
    Outcome.OPERATOR,
    Outcome.FINAL,
)


def clean(text: object, limit: int = TEXT_LIMIT) -> str:
    """Text a CA sent, fit for a page and a log: control, format and surrogate characters become spaces."""
    if not isinstance(text, str):
        return ""
    safe = "".join(" " if unicodedata.category(char)[0] == "C" else char for char in text[: limit * 2])
    return " ".join(safe.split())[:limit]


def rule_for(typ: str) -> Rule | None:
    """The table's row for a problem type, None for a type the table does not know."""
    return RULES.get(typ.removeprefix(ACME_PREFIX)) if typ.startswith(ACME_PREFIX) else None


def classify_problem(
    typ: str,
    *,
    place: Place = Place.REQUEST,
    status: int = 0,
    subproblems: Sequence[Subproblem] = (),
) -> Outcome:
    """Who must act on a problem of this type (full URN) found at `place`, answered with HTTP `status` if any."""
    if status in (429, 503):
        return Outcome.AT
    if status >= 500 or status in (408, 425):
        return Outcome.BACKOFF
    if subproblems and typ.removeprefix(ACME_PREFIX) in _UMBRELLAS:
        return max(
            (classify_problem(sub.typ, place=place) for sub in subproblems),
            key=_SEVERITY.index,
        )
    rule = rule_for(typ) or _UNKNOWN
    return rule.request if place is Place.REQUEST else rule.validation


def outcome_of(problem: Problem, place: Place) -> Outcome:
    """Who must act on a problem stored in a challenge or an order."""
    return classify_problem(problem.typ, place=place, subproblems=problem.subproblems)


def error_for(problem: Problem, *, may_have_acted: bool = False) -> CaError:
    """The exception for a problem that answered a request."""
    outcome = classify_problem(problem.typ, status=problem.status, subproblems=problem.subproblems)
    rule = rule_for(problem.typ)
    if outcome in (Outcome.AT, Outcome.BACKOFF):
        return _BY_OUTCOME[outcome](problem, may_have_acted)
    if rule is not None and rule.raises is not None:
        return rule.raises(problem, may_have_acted)
    # A 404 speaks of the resource unless its type says something more telling, as accountDoesNotExist does.
    if problem.status in (404, 410) and (rule is None or problem.typ == ACME_PREFIX + "malformed"):
        return NotFound(problem, may_have_acted)
    return _BY_OUTCOME[outcome](problem, may_have_acted)
