"""The cases: who proves which name by which way, what the other wants, who moves when, and how forgetful the CA is."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

# How the owner of the domain shows it.
# "prevalidated": the CA has the name on the account's list, and hands it out valid, or finds any answer right.
# "found by itself": a record names the account, and the CA looks for it without being asked (dns-persist-01).
WAYS = (
    "dns-01",
    "http-01",
    "cname",
    "redirect",
    "prevalidated",
    "prevalidated, any answer",
    "found by itself",
)
# (what its owner proves, what the other wants), as people write them.
RELATIONS = {
    "same": ("{}.example", "{}.example"),
    "single, wildcard": ("{}.example", "*.{}.example"),
    "wildcard, single": ("*.{}.example", "{}.example"),
    "wildcard, wildcard": ("*.{}.example", "*.{}.example"),
    "parent, child": ("{}.example", "www.{}.example"),
    "child, parent": ("www.{}.example", "{}.example"),
    "wildcard, child": ("*.{}.example", "www.{}.example"),
    "mixed case": ("Shop.{}.Example", "sHOP.{}.eXAMPLE."),
    "IDN": ("bücher.{}.example", "XN--BCHER-KVA.{}.example"),
    "IDN in pieces": ("bücher.{}.example", "BU\u0308CHER.{}.example"),
    "IDN, another": ("straße.{}.example", "strasse.{}.example"),
}
# a: the owner asks · v: has it validated, and the CA stumbles before it signs · A: gets the certificate
# O: asks again · B: the other asks · b: tries whatever there is · S: the domain is sold to the other · P: who then
# asks and shows it · W: support withdraws what the first has shown · E: that expires · R, r: the CA is started again,
# with new URLs or with the old ones
EVENTS = {
    "before": "BbaAb",
    "meanwhile": "aBbAb",
    "during validation": "avBbAb",
    "after": "aABb",
    "after, and again": "aABbOb",
    "sold": "aASO",
    "sold, the new owner too": "aASPO",
    "sold, withdrawn": "aASPWO",
    "sold, expired": "aASEOP",
    "sold under way, withdrawn": "avSWPA",
    "sold under way, expired": "avSEA",
    "restarted": "aARBb",
    "restarted, same URLs": "aArBbO",
    "restarted under way": "avRBbAb",
    "restarted under way, same URLs": "avrBbAb",
}


@dataclass(frozen=True)
class Case:
    way: str
    relation: str
    events: str
    reuse: int
    # Given back after each certificate; kept although many use it; each customer has their own.
    account: str

    def __str__(self) -> str:
        return f"{self.way} | {self.relation} | {self.events} | {self.reuse} % | {self.account}"

    @property
    def is_possible(self) -> bool:
        """No web server speaks for a wildcard."""
        by_web = self.way in {"http-01", "redirect"}
        return not (by_web and RELATIONS[self.relation][0].startswith("*."))


# With every pair of names: what the order of events adds is tried with the same name already.
SOME_EVENTS = ("before", "during validation", "after", "sold, withdrawn", "restarted under way, same URLs")
CAS = ((0, "given back"), (50, "kept"), (100, "given back"), (100, "kept"))
SOME_CAS = ((50, "kept"), (100, "given back"))
# The ways that carry most certificates are tried with everything, the others where they differ from these.
WHOLE = ("dns-01", "cname")


def every_case(way: str) -> Iterator[Case]:
    """All events with one name, at CAs that hand out what they have; for some ways all pairs of names too."""
    wide = itertools.product(["same"], EVENTS, CAS if way in WHOLE else SOME_CAS)
    own = itertools.product(["same"], EVENTS, [(100, "own")] if way == "dns-01" else [])
    deep = itertools.product(RELATIONS, SOME_EVENTS, [(100, "kept")] if way in WHOLE else [])
    columns = dict.fromkeys(itertools.chain(wide, own, deep))
    cases = (Case(way, relation, events, *ca) for relation, events, ca in columns)
    yield from (case for case in cases if case.is_possible)
