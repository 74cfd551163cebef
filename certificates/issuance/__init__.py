"""Issuance: from "a certificate is wanted" to "here it is". Talks to the CA, never to the customer's servers."""

from certificates.issuance.engine import advance
from certificates.issuance.wishes import (
    NotPossible,
    NotReady,
    change_method,
    insist,
    look_again,
    next_kind,
    request,
    try_again,
    withdraw,
)
from certificates.issuance.withdrawing import withdraw_control

__all__ = [
    "NotPossible",
    "NotReady",
    "advance",
    "change_method",
    "insist",
    "look_again",
    "next_kind",
    "request",
    "try_again",
    "withdraw",
    "withdraw_control",
]
