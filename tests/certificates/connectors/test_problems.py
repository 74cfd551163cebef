"""The table of what can go wrong at a CA, row by row."""

from __future__ import annotations

import pickle

import pytest

from certificates.connectors.problems import (
    ACME_PREFIX,
    RULES,
    AlreadyReplaced,
    AlreadyRevoked,
    BadCsr,
    CaError,
    CustomerMustAct,
    NotFound,
    OperatorMustAct,
    OrderNotReady,
    Outcome,
    Place,
    Problem,
    Refused,
    RetryAt,
    Subproblem,
    TryAgain,
    classify_problem,
    clean,
    error_for,
    outcome_of,
)

# type, answering a request, inside a failed challenge, exception
ROWS: list[tuple[str, Outcome, Outcome, type[CaError]]] = [
    ("accountDoesNotExist", Outcome.OPERATOR, Outcome.OPERATOR, OperatorMustAct),
    ("alreadyReplaced", Outcome.NOW, Outcome.NOW, AlreadyReplaced),
    ("alreadyRevoked", Outcome.NOW, Outcome.NOW, AlreadyRevoked),
    ("badCSR", Outcome.CUSTOMER, Outcome.CUSTOMER, BadCsr),
    ("badNonce", Outcome.NOW, Outcome.NOW, TryAgain),
    ("badPublicKey", Outcome.OPERATOR, Outcome.OPERATOR, OperatorMustAct),
    ("badRevocationReason", Outcome.OPERATOR, Outcome.OPERATOR, OperatorMustAct),
    ("badSignatureAlgorithm", Outcome.OPERATOR, Outcome.OPERATOR, OperatorMustAct),
    ("caa", Outcome.CUSTOMER, Outcome.CUSTOMER, CustomerMustAct),
    ("compound", Outcome.OPERATOR, Outcome.CUSTOMER, OperatorMustAct),
    ("connection", Outcome.CUSTOMER, Outcome.CUSTOMER, CustomerMustAct),
    ("dns", Outcome.CUSTOMER, Outcome.CUSTOMER, CustomerMustAct),
    ("dnssec", Outcome.CUSTOMER, Outcome.CUSTOMER, CustomerMustAct),
    ("externalAccountRequired", Outcome.OPERATOR, Outcome.OPERATOR, OperatorMustAct),
    ("incorrectResponse", Outcome.CUSTOMER, Outcome.CUSTOMER, CustomerMustAct),
    ("invalidContact", Outcome.OPERATOR, Outcome.OPERATOR, OperatorMustAct),
    ("invalidEmail", Outcome.OPERATOR, Outcome.OPERATOR, OperatorMustAct),
    ("invalidProfile", Outcome.OPERATOR, Outcome.OPERATOR, OperatorMustAct),
    ("malformed", Outcome.OPERATOR, Outcome.CUSTOMER, OperatorMustAct),
    ("onionCAARequired", Outcome.CUSTOMER, Outcome.CUSTOMER, CustomerMustAct),
    ("orderNotReady", Outcome.NOW, Outcome.NOW, OrderNotReady),
    ("rateLimited", Outcome.AT, Outcome.AT, RetryAt),
    ("rejectedIdentifier", Outcome.FINAL, Outcome.FINAL, Refused),
    ("serverInternal", Outcome.BACKOFF, Outcome.BACKOFF, TryAgain),
    ("tls", Outcome.CUSTOMER, Outcome.CUSTOMER, CustomerMustAct),
    ("unauthorized", Outcome.OPERATOR, Outcome.CUSTOMER, OperatorMustAct),
    ("unknownHost", Outcome.CUSTOMER, Outcome.CUSTOMER, CustomerMustAct),
    ("unsupportedContact", Outcome.OPERATOR, Outcome.OPERATOR, OperatorMustAct),
    ("unsupportedIdentifier", Outcome.FINAL, Outcome.FINAL, Refused),
    ("userActionRequired", Outcome.OPERATOR, Outcome.OPERATOR, OperatorMustAct),
]


def urn(name: str) -> str:
    return ACME_PREFIX + name


def test_every_row_of_the_table_is_tested() -> None:
    assert {row[0] for row in ROWS} == set(RULES)


@pytest.mark.parametrize(("name", "request_outcome", "validation_outcome", "exception"), ROWS)
def test_each_type_says_who_must_act(
    name: str, request_outcome: Outcome, validation_outcome: Outcome, exception: type[CaError]
) -> None:
    assert classify_problem(urn(name), status=403) is request_outcome
    assert classify_problem(urn(name), place=Place.CHALLENGE) is validation_outcome
    assert classify_problem(urn(name), place=Place.ORDER) is validation_outcome
    assert type(error_for(Problem(urn(name), "", 403))) is exception


@pytest.mark.parametrize("status", [500, 502, 504, 408, 425])
@pytest.mark.parametrize("name", ["rejectedIdentifier", "malformed", "caa"])
def test_a_broken_server_never_says_anything_about_the_business(status: int, name: str) -> None:
    assert classify_problem(urn(name), status=status) is Outcome.BACKOFF
    assert type(error_for(Problem(urn(name), "", status))) is TryAgain


@pytest.mark.parametrize("status", [429, 503])
def test_too_many_requests_and_unavailable_mean_later_whatever_the_type(status: int) -> None:
    assert type(error_for(Problem("about:blank", "", status))) is RetryAt


def test_types_of_strangers_are_the_operators_in_a_request_and_the_customers_in_a_validation() -> None:
    assert classify_problem("urn:example:odd", status=400) is Outcome.OPERATOR
    assert classify_problem("urn:example:odd", place=Place.CHALLENGE) is Outcome.CUSTOMER
    # Only the registered namespace carries the registered meaning.
    assert classify_problem("rejectedIdentifier", status=400) is Outcome.OPERATOR


@pytest.mark.parametrize("umbrella", ["compound", "malformed"])
def test_an_umbrella_takes_its_meaning_from_what_it_covers(umbrella: str) -> None:
    customer = (Subproblem(urn("caa"), "", "a.example"), Subproblem(urn("dns"), "", "b.example"))
    refused = (*customer, Subproblem(urn("rejectedIdentifier"), "", "c.example"))
    assert classify_problem(urn(umbrella), status=400, subproblems=customer) is Outcome.CUSTOMER
    assert classify_problem(urn(umbrella), status=400, subproblems=refused) is Outcome.FINAL
    assert type(error_for(Problem(urn(umbrella), "", 403, refused))) is Refused


def test_subproblems_do_not_soften_a_type_that_speaks_for_itself() -> None:
    covered = (Subproblem(urn("caa"), "", "a.example"),)
    assert classify_problem(urn("userActionRequired"), status=403, subproblems=covered) is Outcome.OPERATOR


@pytest.mark.parametrize("typ", ["about:blank", urn("malformed"), "urn:example:gone"])
@pytest.mark.parametrize("status", [404, 410])
def test_what_the_ca_does_not_have_is_not_found(typ: str, status: int) -> None:
    assert type(error_for(Problem(typ, "", status))) is NotFound


def test_a_missing_account_is_not_a_missing_order() -> None:
    assert type(error_for(Problem(urn("accountDoesNotExist"), "", 404))) is OperatorMustAct


def test_a_problem_kept_in_a_challenge_is_classified_from_its_own_words() -> None:
    assert outcome_of(Problem(urn("unauthorized"), "wrong content", 403), Place.CHALLENGE) is Outcome.CUSTOMER
    # The status inside a challenge's problem is not an HTTP answer to us.
    assert outcome_of(Problem(urn("connection"), "", 503), Place.CHALLENGE) is Outcome.CUSTOMER


def test_text_of_a_ca_is_cleaned_and_capped() -> None:
    assert clean("a\x00b\x1b[31mc\u202ed\r\n  e\u2028") == "a b [31mc d e"
    assert clean("x" * 5000) == "x" * 2000
    assert clean(None) == clean(7) == clean({"a": 1}) == ""
    assert clean("\ud800ok") == "ok"


def test_an_error_survives_a_journey_between_processes() -> None:
    error = error_for(Problem(urn("caa"), "Forbidden by CAA", 403), may_have_acted=True)
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), copy.problem, copy.may_have_acted) == (CustomerMustAct, error.problem, True)
    assert str(copy) == f"{urn('caa')}: Forbidden by CAA"
