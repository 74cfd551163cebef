"""The names' DNS and web servers as they really are: who runs them, what stands there, and what that proves of whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import dns.message
import dns.rdataclass
import dns.rdatatype
import dns.update

from accounts.models import User
from validation.key_authorization import value_of


@dataclass(frozen=True)
class Shown:
    """At this moment the world bore a customer out: they, and not merely somebody at their account, hold the name."""

    who: object
    identifier: str
    wildcard: bool
    at: datetime


@dataclass
class World:
    """What the CA finds when it looks. Written between two requests by the test, read by the CA's thread."""

    zone: str = "dcv.portal.example"
    controllers: dict[str, User] = field(default_factory=dict)
    # What is written by hand: (name, kind, key authorization) -> by whom
    by_hand: dict[tuple[str, str, str], object] = field(default_factory=dict)
    # _acme-challenge.<name> -> label of ours; the name's web server -> label of ours
    aliases: dict[str, str] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    # Whose label it is, as it was handed out: (customer, name)
    labels: dict[str, tuple[object, str]] = field(default_factory=dict)
    published: dict[str, set[str]] = field(default_factory=dict)
    redirected: dict[tuple[str, str], str] = field(default_factory=dict)
    # name -> (account URI, policy is wildcard)
    standing: dict[str, tuple[str, bool]] = field(default_factory=dict)
    accounts: dict[str, object] = field(default_factory=dict)
    log: list[Shown] = field(default_factory=list)
    # From then on nothing counts that this customer has shown before.
    ended: list[tuple[object, datetime]] = field(default_factory=list)

    # --- whose name it is -----------------------------------------------------------------------------------

    def runs(self, who: User, identifier: str) -> bool:
        """True if the name's DNS is in this customer's hands: its own zone's, else that of the nearest zone above."""
        labels = identifier.split(".")
        zones = (".".join(labels[start:]) for start in range(len(labels)))
        return next((self.controllers[zone] for zone in zones if zone in self.controllers), None) == who

    def sell(self, domain: str, to: User) -> None:
        """The domain changes hands. What its old owner has set up stays until somebody takes it away."""
        self.controllers[domain] = to
        self.by_hand = {key: who for key, who in self.by_hand.items() if who == to.pk}

    # --- what a CA finds ------------------------------------------------------------------------------------

    def bears_out(self, kind: str, identifier: str, key_authorization: str, token: str) -> object | None:
        """Return the customer whose doing it is that this challenge is answered; None when it is not."""
        by_hand = self.by_hand.get((identifier, kind, key_authorization))
        if by_hand is not None:
            return by_hand
        if kind == "dns-01":
            label = self.aliases.get(identifier, "")
            found = value_of(key_authorization) in self.published.get(label, set())
        elif kind == "http-01":
            label = self.redirects.get(identifier, "")
            found = self.redirected.get((label, token)) == key_authorization
        else:
            return None
        # The zone says whose label may speak for the name; a label handed out for another name says nothing.
        whose, name = self.labels.get(label, (None, ""))
        return whose if found and name == identifier else ("somebody else's label" if found else None)

    def stands_for(self, account_url: str, identifier: str, wildcard: bool) -> bool:
        """True if the standing record lets this account have the name (dns-persist-01)."""
        uri, policy = self.standing.get(identifier, ("", False))
        return uri == account_url and (policy or not wildcard)

    # --- our own zone's server, at the outermost border ------------------------------------------------------

    def take_update(
        self, update: dns.update.UpdateMessage, *_args: object, **_kwargs: object
    ) -> dns.message.Message:
        for rrset in update.update:
            label = rrset.name.to_text().split(".")[0]
            values = {record.to_text().strip('"') for record in rrset}
            known = self.published.setdefault(label, set())
            if rrset.deleting == dns.rdataclass.NONE:
                known -= values
            else:
                known |= values
        return dns.message.make_response(update)
