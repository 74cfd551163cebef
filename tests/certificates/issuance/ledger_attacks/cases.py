"""The cases: who proves which name by which way, what the other wants, who moves when, and how forgetful the CA is."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator
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
# with new URLs or with the old ones · x: the first has shown it and the CA has looked, but not said yet what it found
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
    "sold and withdrawn before the CA has told": "aAaxSWA",
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


# How often the CA hands out again what it has, and what becomes of that.
CAS = ((0, "given back"), (50, "kept"), (100, "given back"), (100, "kept"))
# The same name, or nearly, written another way: what it comes to is seen before any order of events, so these share them.
SPELT = tuple(name for name in RELATIONS if name == "mixed case" or name.startswith("IDN"))
# These ways carry most certificates, and these events bring a proof and a stranger together: at every CA.
CARRY_MOST = ("dns-01", "cname")
AT_EVERY_CA = ("during validation", "after", "sold, withdrawn", "restarted under way, same URLs")
# Where each customer has an account of their own.
OWN_ACCOUNT = ("dns-01", "found by itself")


def every_case(way: str) -> Iterator[Case]:
    """Every pair of names in every order of events, at one CA after the other; the same name at every CA, and at own accounts.

    The CAs move on by one with each pair, so that each of them meets every pair and every order of events. The spellings
    take turns with the events, and with each way another one begins.
    """
    pairs = itertools.product(enumerate(RELATIONS), enumerate(EVENTS))
    wide = (
        Case(way, relation, events, *CAS[(row + column) % len(CAS)])
        for (row, relation), (column, events) in pairs
        if relation not in SPELT or (SPELT.index(relation) + column + WAYS.index(way)) % len(SPELT) == 0
    )
    deep = (
        Case(way, "same", events, *ca)
        for events, ca in itertools.product(AT_EVERY_CA if way in CARRY_MOST else (), CAS)
    )
    own = (Case(way, "same", events, 100, "own") for events in EVENTS if way in OWN_ACCOUNT)
    cases = dict.fromkeys(itertools.chain(wide, deep, own))
    yield from (case for case in cases if case.is_possible)


# Set, every case is played (`make ledger`); else so many that each two values met in any of them still meet.
EVERY_CASE = "LEDGER_EVERY_CASE"
# Each test plays so many, so that tests which run side by side end at about the same time.
AT_ONCE = 25


def cases_to_play() -> list[Case]:
    every = [case for way in WAYS for case in every_case(way)]
    return every if EVERY_CASE in os.environ else covering(every)


def covering(cases: Iterable[Case]) -> list[Case]:
    """Return some of the cases, in their order: every pair of values that meets in one of all meets in one of these."""
    left = {case: meetings(case) for case in cases}
    order, chosen, open_pairs = list(left), [], set().union(*left.values())
    while open_pairs:
        best = max(left, key=lambda case: len(left[case] & open_pairs))
        open_pairs -= left.pop(best)
        chosen.append(best)
    return sorted(chosen, key=order.index)


def meetings(case: Case) -> set[tuple[str, str]]:
    """Return the pairs of values, each with what it is a value of."""
    values = (
        f"way {case.way}",
        f"names {case.relation}",
        f"events {case.events}",
        f"{case.reuse} % {case.account}",
    )
    return set(itertools.combinations(values, 2))


def every_batch() -> Iterator[tuple[str, int, list[Case]]]:
    """Each way's cases in handfuls: the way, the handful's number, its cases."""
    for way, of_the_way in itertools.groupby(cases_to_play(), key=lambda case: case.way):
        cases = list(of_the_way)
        for start in range(0, len(cases), AT_ONCE):
            yield way, start // AT_ONCE + 1, cases[start : start + AT_ONCE]
