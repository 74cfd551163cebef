"""The ways to show control of a name: a word, a file and a line in this dict each."""

from __future__ import annotations

from validation.methods.base import Instruction, ProofMethod, Row
from validation.methods.dns_01 import Dns01
from validation.methods.dns_persist_01 import DnsPersist01
from validation.methods.email import Email
from validation.methods.http_01 import Http01

METHODS: dict[str, ProofMethod] = {
    "http-01": Http01(),
    "dns-01": Dns01(),
    "email": Email(),
    "dns-persist-01": DnsPersist01(),
}
# Those that a customer chooses for a name; a standing record is set up once instead, and then used by itself.
CHOSEN: dict[str, ProofMethod] = {
    slug: method for slug, method in METHODS.items() if slug != DnsPersist01.slug
}


def available_for(identifier: str, wildcard: bool) -> list[ProofMethod]:
    """The methods that can be offered for this name."""
    return [
        method for method in METHODS.values() if method.available and method.can_prove(identifier, wildcard)
    ]


__all__ = ["CHOSEN", "METHODS", "Instruction", "ProofMethod", "Row", "available_for"]
