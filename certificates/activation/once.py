"""Validate once: for each name of a plan, what can be set up so that later certificates need nothing more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from accounts.models import User
from certificates.models import Activation, CaAccount
from identifiers import suffixes
from identifiers.names import Name
from validation import delegation, persisting, providers, redirects
from validation.key_authorization import LABEL
from validation.models import Delegation
from validation.models.authorization import Method
from validation.problems import Finding
from validation.providers import Provider
from validation.zone_lines import Row, ZoneLine

GAP = timedelta(seconds=3)


@dataclass(frozen=True)
class Way:
    """One arrangement for one name; `row` is None until the customer wants it."""

    kind: str
    label: str | Promise
    row: Delegation | None

    @property
    def stands(self) -> bool:
        return self.row is not None and self.row.stands

    @property
    def finding(self) -> Finding | None:
        return self.row.last_finding if self.row is not None else None

    @property
    def published_as(self) -> dict[str, str]:
        """Return the fields in which a hosting company asks for it."""
        if self.row is None:
            return {}
        if self.kind == Delegation.Kind.REDIRECT:
            return {
                "type": "redirect",
                "host": self.row.identifier,
                "target": redirects.redirect_to(self.row),
            }
        if self.kind == Delegation.Kind.PERSIST:
            name = f"{persisting.LABEL}.{self.row.identifier}"
            return {"type": "TXT", "name": name, "value": persisting.value(self.row)}
        return {"type": "CNAME", "name": f"{LABEL}.{self.row.identifier}", "value": self.row.target}

    @property
    def rows(self) -> list[Row]:
        """Return what to copy into the provider's form, in its own words, or the rules for the web server."""
        if self.row is None:
            return []
        if self.kind == Delegation.Kind.REDIRECT:
            return [Row(server, rule) for server, rule in redirects.rules(self.row)]
        line = ZoneLine.of(delegation.line(self.row))
        return line.rows(self.provider, self.zone) if line is not None else []

    @property
    def provider(self) -> Provider | None:
        """Who keeps the domain's DNS, as we last saw it; None for nobody whose form we know."""
        found = self.finding
        return providers.known(found.facts.get("provider")) if found is not None else None

    @property
    def zone(self) -> str:
        """The zone that the record goes into, as we last saw it."""
        found = self.finding
        known = str(found.facts.get("zone", "")) if found is not None else ""
        return known or (suffixes.registrable(self.row.identifier) if self.row is not None else "")

    @property
    def note(self) -> str | Promise:
        """Return what the provider's form wants besides."""
        if self.provider is None or self.kind == Delegation.Kind.REDIRECT:
            return ""
        return (self.provider.cname_note if self.kind == Delegation.Kind.CNAME else "") or self.provider.note

    def proves(self, text: str) -> bool:
        """True if it stands and speaks for this very name: a redirect never does for a wildcard."""
        if self.row is None or not self.stands:
            return False
        if not text.startswith("*.") or self.kind == Delegation.Kind.CNAME:
            return True
        return self.kind == Delegation.Kind.PERSIST and self.row.wildcard


@dataclass(frozen=True)
class OnceName:
    """One domain with the names of the plan that are proven at it (`shop.example`, `*.shop.example`)."""

    position: int
    ascii: str
    texts: Sequence[str]
    ways: Sequence[Way]
    only_wildcard: bool = False
    asks_by_mail: bool = False

    @property
    def stands(self) -> bool:
        """True if nothing more is to be set up for any of the names."""
        return all(any(way.proves(text) for way in self.ways) for text in self.texts)

    @property
    def why_not(self) -> str:
        """Return why there is no way for this name; "" where there is one."""
        if self.ways:
            return ""
        if Name(self.ascii).is_ip:
            return _("There is no such way for an IP address: show it by HTTP each time.")
        if self.only_wildcard and redirects.arrive():
            return _(
                "A wildcard can be set up by a DNS record only, and we have no zone that it could lead to."
                " Show it by DNS TXT Record each time."
            )
        return _(
            "We have no zone that a record could lead to, and no address that a certificate authority could be sent"
            " to. Show the name in step 4 each time."
        )

    @property
    def shown(self) -> list[Way]:
        """Return the ways the page speaks of: where one is enough, the others are of no interest any more."""
        return [way for way in self.ways if way.stands] if self.stands else list(self.ways)


def names_of(activation: Activation, now: datetime) -> list[OnceName]:
    """Return the plan's domains in their order. One query for all arrangements."""
    owner = activation.plan.owner
    texts: dict[str, list[str]] = {}
    mailed = set()
    for name in activation.names.all():
        texts.setdefault(name.ascii, []).append(name.text)
        if name.method == Method.EMAIL:
            mailed.add(name.ascii)
    rows = Delegation.objects.of(owner).filter(identifier__in=texts)
    known = {(row.identifier, row.kind): row for row in rows}
    account = standing_account(activation)
    return [
        OnceName(
            position,
            ascii_name,
            written,
            _ways(ascii_name, written, known, account is not None),
            only_wildcard=_only_wildcard(written),
            asks_by_mail=ascii_name in mailed,
        )
        for position, (ascii_name, written) in enumerate(texts.items(), start=1)
    ]


def standing_account(activation: Activation) -> CaAccount | None:
    """Return the account that a standing record can name: this customer's alone, opened, at a CA that takes such records."""
    house = CaAccount.objects.for_product(activation.plan.product).first()
    if house is None or not (house.per_customer and house.offers_persist and house.caa_identities):
        return None
    mine = CaAccount.objects.filter(parent=house, customer=activation.plan.owner).exclude(account_url="")
    return mine.first()


def _ways(
    ascii_name: str,
    written: Sequence[str],
    known: dict[tuple[str, str], Delegation],
    has_account: bool,
) -> list[Way]:
    kinds = [
        kind
        for kind in delegation.kinds_for(ascii_name)
        if kind != Delegation.Kind.REDIRECT or not _only_wildcard(written)
    ]
    if has_account and not Name(ascii_name).is_ip:
        kinds.append(Delegation.Kind.PERSIST.value)
    return [Way(kind, Delegation.Kind(kind).label, known.get((ascii_name, kind))) for kind in kinds]


def _only_wildcard(written: Sequence[str]) -> bool:
    return all(text.startswith("*.") for text in written)


def want(activation: Activation, position: int, kind: str, *, by: User, now: datetime) -> Delegation:
    """Open the arrangement, or look at it again. Raises NotDelegable, LookupError for a name that is not there."""
    name = next((name for name in names_of(activation, now) if name.position == position), None)
    if name is None:
        raise LookupError(position)
    if kind not in {way.kind for way in name.ways}:
        raise delegation.NotDelegable(f"{kind} for {name.ascii}")
    row = _open(activation, name, kind, by=by, now=now)
    if row.finding and (row.asked_at is None or now - row.asked_at >= GAP):
        delegation.ask(row, now)
    return row


def _open(activation: Activation, name: OnceName, kind: str, *, by: User, now: datetime) -> Delegation:
    account = standing_account(activation)
    if kind != Delegation.Kind.PERSIST or account is None:
        return delegation.offer(by, name.ascii, kind, now)
    return persisting.offer(
        by, name.ascii, account_uri=account.account_url, issuer=account.caa_identities[0],
        wildcard=any(text.startswith("*.") for text in name.texts), now=now,
    )  # fmt: skip


def recommended(activation: Activation) -> bool:
    """True where one DNS record is enough for good: the operator has a zone for it, or the CA takes standing records."""
    names = [name for name in activation.names.all() if not Name(name.ascii).is_ip]
    return bool(names) and (bool(settings.DELEGATION_ZONE) or standing_account(activation) is not None)


def offered(activation: Activation) -> bool:
    """True where any name of the plan can be set up once, by whatever way."""
    redirected = redirects.arrive() and any(
        not name.wildcard and not Name(name.ascii).is_ip for name in activation.names.all()
    )
    return redirected or recommended(activation)
