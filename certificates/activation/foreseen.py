"""Step 3 before anything is published: which method will work for each name, as the doctor sees it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial

from django.core.cache import cache
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from certificates.issuance.permitting import issuers_of
from certificates.models import Activation, ActivationName
from identifiers.names import Name
from validation import delegation, doctor, providers
from validation.deadline import Deadline
from validation.doctor import Foresight
from validation.methods import available_for
from validation.models.authorization import Method
from validation.problems import Finding
from validation.providers import Provider
from validation.zone_lines import Row, ZoneLine

AT_ONCE = 8
# A look is over after SECONDS_EACH, and none begins after SECONDS_TO_BEGIN: a page waits for the sum at most.
SECONDS_EACH, SECONDS_TO_BEGIN = 5.0, 3.0
REMEMBERED = 120  # seconds
SHORT: dict[str, str | Promise] = {Method.HTTP: gettext_lazy("HTTP"), Method.DNS: gettext_lazy("DNS")}
MOST_SPOKEN = 3


@dataclass(frozen=True)
class Foreseen:
    """One name of the request; `looked` is None where nobody has looked yet. `stands`: it was set up once what proves it."""

    name: ActivationName
    looked: Foresight | None = None
    stands: bool = False

    @cached_property
    def provider(self) -> Provider | None:
        return providers.known(self.looked.provider) if self.looked is not None else None

    @cached_property
    def findings(self) -> list[Finding]:
        """Return what stands in the way, of every method first."""
        if self.looked is None:
            return []
        if self.looked.always is not None:
            return [self.looked.always]
        # What stands needs none of the ways by hand.
        return [] if self.stands else list(self.looked.ways.values())

    @cached_property
    def _open(self) -> list[str]:
        """The methods that can work, those first that nothing is known to stand in the way of."""
        if self.looked is None or self.looked.always is not None:
            return []
        ways = self.looked.ways
        slugs = [method.slug for method in available_for(self.name.ascii, self.name.wildcard)]
        doubtful = [slug for slug in slugs if slug in ways and ways[slug].severity != "error"]
        return [slug for slug in slugs if slug not in ways] + doubtful

    @property
    def tone(self) -> str:
        if self.looked is None:
            return "quiet"
        if not self.findings:
            return "ok"
        return "wait" if self._open else "bad"

    @property
    def title(self) -> str:
        """Say in a few words which method to take."""
        if self.looked is None:
            return _("Not looked at yet.")
        if self.stands and not self.findings:
            return _("It proves itself by what you have set up once: there is nothing to publish.")
        if not self._open:
            return _("Nothing will work here before this is put right.")
        if len(self._open) > 1 and not self.findings:
            return _("Both HTTP and DNS will work here, as far as we can see.")
        if self._open[0] in self.looked.ways:
            return _("%(method)s may need a hand here.") % {"method": SHORT[self._open[0]]}
        if not self.findings:
            return _("%(method)s will work here, as far as we can see.") % {"method": SHORT[self._open[0]]}
        text = (
            _("%(method)s is the surer way here.")
            if len(self._open) > 1
            else _("%(method)s is the way here.")
        )
        return text % {"method": SHORT[self._open[0]]}

    @property
    def records(self) -> list[tuple[str, list[Row]]]:
        """Return the lines to publish that would open a way, whole and in the words of the provider's form."""
        lines = [(found, ZoneLine.of(found.repair)) for found in self.findings]
        return [
            (found.repair, line.rows(self.provider, str(found.facts.get("zone", ""))))
            for found, line in lines
            if line is not None
        ]


def foreseen(activation: Activation, *, may_look: bool) -> list[Foreseen]:
    """Return every name with what is remembered of it, or, if one may, with what is seen there now.

    Names whose turn did not come within SECONDS_TO_BEGIN are left for the next time.
    """
    names = list(activation.names.all())
    issuers, account_url = issuers_of(activation.plan.product)
    look = partial(_look, issuers=issuers, account_url=account_url)
    keys = {name.text: _key(name.text, issuers, account_url) for name in names}
    known = cache.get_many(keys.values())
    seen = {text: known[key] for text, key in keys.items() if isinstance(known.get(key), Foresight)}
    if may_look:
        fresh = _each([text for text in keys if text not in seen], look)
        cache.set_many({keys[text]: looked for text, looked in fresh.items()}, REMEMBERED)
        seen |= fresh
    proven = delegation.proven(activation.plan.owner, [Name.of(name.text) for name in names])
    return [Foreseen(name, seen.get(name.text), stands=Name.of(name.text) in proven) for name in names]


def spoken(names: Sequence[Foreseen]) -> str:
    """Return what is read aloud once the looks are over."""
    hindered = [name for name in names if name.findings]
    if not hindered:
        return _("We have looked: nothing stands in the way of your names.")
    return " ".join(f"{name.name.text}: {name.title}" for name in hindered[:MOST_SPOKEN])


def _each(texts: Sequence[str], look: Callable[[str], Foresight]) -> dict[str, Foresight]:
    begin = Deadline(SECONDS_TO_BEGIN)
    if not texts:
        return {}
    with ThreadPoolExecutor(max_workers=min(AT_ONCE, len(texts))) as pool:
        looked = pool.map(lambda text: None if begin.passed else look(text), texts)
        return {text: one for text, one in zip(texts, looked, strict=True) if one is not None}


def _look(text: str, *, issuers: Sequence[str], account_url: str | None) -> Foresight:
    return doctor.foresee_ways(Name.of(text), issuers, account_url=account_url, seconds=SECONDS_EACH)


def _key(text: str, issuers: Sequence[str], account_url: str | None) -> str:
    told = "\n".join((text, account_url or "", *issuers))
    return f"foreseen:{hashlib.sha256(told.encode()).hexdigest()}"
