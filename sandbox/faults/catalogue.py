"""The faults by name, as `FAULTS=badnonce,slow` asks for them: which requests of one certificate's walk each spoils."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.faults import misdeeds
from sandbox.faults.exchange import ACME
from sandbox.faults.plan import Plan, Rule

# Longer than the portal listens to a CA (15 seconds).
SLOW_SECONDS = 17.0
SOON = 3

SIGNED = frozenset(
    {"newAccount", "account", "newOrder", "order", "authorization", "deactivate", "challenge", "finalize"}
    | {"certificate", "revokeCert", "keyChange"}
)
AUTHORIZATION = frozenset({"authorization", "deactivate", "challenge", "order", "finalize"})
TWO_REASONS = {
    "type": f"{ACME}compound",
    "detail": "Two things are wrong.",
    "status": 403,
    "subproblems": [
        {
            "type": f"{ACME}caa",
            "detail": "CAA forbids issuance.",
            "identifier": {"type": "dns", "value": "shop.example"},
        },
        {
            "type": f"{ACME}dns",
            "detail": "SERVFAIL looking up TXT.",
            "identifier": {"type": "dns", "value": "shop.example"},
        },
    ],
}


class UnknownFault(Exception):
    """A name that is no fault; the text lists those that are."""


@dataclass(frozen=True)
class Fault:
    """`says` is for people. One that does not `end` keeps a portal waiting for longer than a demo lasts."""

    name: str
    says: str
    rules: tuple[Rule, ...]
    ends: bool = True


def _fault(
    name: str, says: str, misdeed: misdeeds.Misdeed, *kinds: str, ends: bool = True, **more: object
) -> Fault:
    return Fault(name, says, (Rule(name, misdeed, frozenset(kinds), **more),), ends)  # type: ignore[arg-type]


def _ended(status: str, begins: str) -> Fault:
    rule = Rule(status, misdeeds.ended(status), AUTHORIZATION, clings=True, begins=frozenset({begins}))
    return Fault(status, f"an authorization becomes {status} without an error", (rule,))


CATALOGUE: dict[str, Fault] = {
    fault.name: fault
    for fault in (
        Fault(
            "badnonce",
            "one nonce in five is refused",
            (Rule("badnonce", misdeeds.bad_nonce, SIGNED, share=0.2, times=None),),
        ),
        _fault("429-seconds", "429 at newOrder, Retry-After in seconds", misdeeds.later(429, "seconds", SOON), "newOrder"),
        _fault("429-date", "429 at finalize, Retry-After as a date", misdeeds.later(429, "date", SOON), "finalize"),
        _fault(
            "429-absent", "429 at newOrder without Retry-After: the portal waits an hour",
            misdeeds.later(429, "", 0), "newOrder", ends=False,
        ),
        _fault("503-seconds", "503 at newAccount, Retry-After in seconds", misdeeds.later(503, "seconds", SOON), "newAccount"),
        _fault("503-date", "503 at a challenge, Retry-After as a date", misdeeds.later(503, "date", SOON), "challenge"),
        _fault("503-absent", "503 at the order without Retry-After: the portal waits a minute", misdeeds.later(503, "", 0), "order"),
        _fault("html", "a load balancer's page in place of the order", misdeeds.page(502), "order"),
        _fault("html-200", "a page with status 200 in place of an authorization", misdeeds.page(200), "authorization"),
        _fault(
            "reset", "the connection is reset in the middle of the answers to finalize and of the certificate",
            misdeeds.lost("middle"), "finalize", "certificate", times=2,
        ),
        _fault("slow", "an answer that comes after the portal's patience", misdeeds.slow(SLOW_SECONDS), "authorization"),
        _fault("processing", "the order says processing for long", misdeeds.processing, "finalize", "order", clings=True, each=8),
        _ended("expired", "challenge"),
        _ended("deactivated", "challenge"),
        _ended("revoked", "challenge"),
        _ended("invalid", "order"),
        _fault(
            "unknown-challenges", "challenges of types and shapes that nobody knows",
            misdeeds.odd_challenges, "authorization", times=None,
        ),
        _fault(
            "unknown-statuses", "statuses that no RFC knows",
            misdeeds.odd_status, "newOrder", "authorization", "order", times=4,
        ),
        _fault(
            "unknown-problem", "newOrder refused with a problem type that nobody knows: an operator looks",
            misdeeds.refusal("urn:ca.example:moonPhase", 403, "The moon is waning."), "newOrder",
        ),
        _fault(
            "useractionrequired", "new terms, with the page where to agree: the CA is paused until an operator resumes it",
            misdeeds.refusal(
                "userActionRequired", 403, "The terms have changed.", instance="https://ca.example/agree",
                headers={"Link": '<https://ca.example/terms>;rel="terms-of-service"'},
            ),
            "newOrder",
        ),
        _fault(
            "accountgone", "the CA has forgotten the account: accountDoesNotExist",
            misdeeds.refusal("accountDoesNotExist", 400, "No such account."), "newOrder",
        ),
        _fault("alreadyreplaced", "409 alreadyReplaced to every newOrder that replaces", misdeeds.already_replaced, "newOrder", times=None),
        _fault(
            "subproblems", "a validation fails for two reasons, told as subproblems",
            misdeeds.failed(TWO_REASONS), "authorization", "order", clings=True, begins=frozenset({"order"}),
        ),
        _fault("restart", "the CA is started anew with nothing that it knew", misdeeds.forgetful, "challenge"),
        _fault("sameorder", "newOrder's answer is lost, and the next one brings the same order", misdeeds.same_order, "newOrder", times=2),
    )
}  # fmt: skip

GROUPS: dict[str, tuple[str, ...]] = {
    "429": ("429-seconds", "429-date", "429-absent"),
    "503": ("503-seconds", "503-date", "503-absent"),
    "all": tuple(name for name, fault in CATALOGUE.items() if fault.ends),
}


def named(text: str) -> list[str]:
    """The names in `badnonce, slow` in the order of the catalogue, groups spelt out; raises UnknownFault."""
    wanted: set[str] = set()
    for word in filter(None, (part.strip().lower() for part in text.split(","))):
        if word not in CATALOGUE and word not in GROUPS:
            raise UnknownFault(f"FAULTS: {word!r} is not known. {known()}")
        wanted |= set(GROUPS.get(word, (word,)))
    return [name for name in CATALOGUE if name in wanted]


def known() -> str:
    """The names that may be asked for, in a few lines."""
    return "Known: " + ", ".join([*CATALOGUE, *GROUPS]) + ". `python -m sandbox faults` explains them."


def explained() -> str:
    """Every fault and group with what it does, one a line."""
    lines = [f"{fault.name:<20}{fault.says}" for fault in CATALOGUE.values()]
    for name, names in GROUPS.items():
        lines.append(
            f"{name:<20}{'all that a demo lives to see the end of' if name == 'all' else ', '.join(names)}"
        )
    return "\n".join(lines)


def plan_for(names: list[str], seed: int) -> Plan:
    """The rules of these faults; raises KeyError for a name that is not in the catalogue."""
    return Plan([rule for name in names for rule in CATALOGUE[name].rules], seed)
