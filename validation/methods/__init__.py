"""The ways to show control of a name: a word, a file and a line in this dict each."""

from __future__ import annotations

from validation.methods.base import Instruction, ProofMethod, Row
from validation.methods.dns_01 import Dns01
from validation.methods.email import Email
from validation.methods.http_01 import Http01

METHODS: dict[str, ProofMethod] = {
    "http-01": Http01(),
    "dns-01": Dns01(),
    "email": Email(),
}


def available_for(identifier: str, wildcard: bool) -> list[ProofMethod]:
    """The methods that can be offered for this name."""
    return [
        method for method in METHODS.values() if method.available and method.can_prove(identifier, wildcard)
    ]


__all__ = ["METHODS", "Instruction", "ProofMethod", "Row", "available_for"]
