"""Step 3 by Email: whether the CA takes it, and whom one may ask about which names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from django.core.cache import cache
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from certificates.models import AcmeOrder, ActivationName, CaAccount
from identifiers.names import Name
from orders.models import Plan
from validation.approval import until
from validation.approval.recipients import Found, Recipient, recipients_for
from validation.deadline import Deadline
from validation.resolver import SECONDS, Resolver

REMEMBERED = 600  # seconds; before a mail is sent, it is looked up once more
# Silent name servers are asked again soon, but not at every opening of the page.
REMEMBERED_SILENT = 30
# A page waits no longer than so for one domain.
SECONDS_FOR_A_PAGE = 4.0
AT_ONCE = 8


@dataclass(frozen=True)
class Question:
    """The names below one registered domain, about which one recipient is asked. `domain` is the lowest name above them all."""

    number: int
    domain: str
    names: tuple[ActivationName, ...]

    @property
    def key(self) -> str:
        return f"approver-{self.number}"

    @property
    def stored(self) -> str:
        """The key of whom the customer chose before, "" if nobody."""
        chosen = {f"{name.approver} {name.approver_domain}" for name in self.names if name.approver}
        return chosen.pop() if len(chosen) == 1 else ""


@dataclass(frozen=True)
class Emailing:
    """What Email can do for one plan. `mode` is the CA account's, in force now."""

    account: CaAccount | None
    names: Sequence[ActivationName]
    now: datetime

    @cached_property
    def mode(self) -> str:
        return self.account.email_mode_at(self.now) if self.account is not None else CaAccount.EmailMode.OFF

    @property
    def offered(self) -> bool:
        return self.mode != CaAccount.EmailMode.OFF

    @property
    def prevalidated(self) -> bool:
        return self.mode == CaAccount.EmailMode.PREVALIDATED

    @property
    def why_not(self) -> str:
        """Say why nobody can be asked, "" where somebody can."""
        if self.offered:
            return ""
        if self.account is not None and not until.allowed(
            self.now, public=self.account.house_account.publicly_trusted
        ):
            return _("By the rules of the browsers approval by email has ended. Use HTTP or DNS TXT Record.")
        return _(
            "The certificate authority of this product takes no approval by email. Use HTTP or DNS TXT Record."
        )

    @property
    def how(self) -> str:
        if self.prevalidated:
            return _("The domain’s owner gets a mail and approves. Nothing has to be published.")
        return _(
            "The domain’s owner gets a mail, approves, and is shown the one record that proves the name. "
            "The mail alone proves nothing to the CA."
        )

    @cached_property
    def questions(self) -> list[Question]:
        groups: dict[str, list[ActivationName]] = {}
        for name in self.names:
            if not Name(name.ascii).is_ip:
                groups.setdefault(Name(name.ascii).registrable, []).append(name)
        return [
            Question(number, common_domain([name.ascii for name in group]), tuple(group))
            for number, group in enumerate(groups.values(), start=1)
        ]


def emailing_of(plan: Plan, names: Sequence[ActivationName], now: datetime) -> Emailing:
    """Return what holds for the plan: at the account of its order under way, else at the product's first choice."""
    order = (
        AcmeOrder.objects.open()
        .filter(issuance__plan=plan)
        .select_related("account__parent")
        .order_by("-attempt")
        .first()
    )
    account = order.account if order is not None else CaAccount.objects.for_product(plan.product).first()
    return Emailing(account, names, now)


def common_domain(names: Sequence[str]) -> str:
    """Return the longest name that all of these lie at or below. They share a registered domain."""
    labels = [name.split(".")[::-1] for name in names]
    common = []
    for column in zip(*labels, strict=False):
        if len(set(column)) > 1:
            break
        common.append(column[0])
    return ".".join(reversed(common))


def found_for(domain: str, deadline: Deadline | None = None) -> Found:
    """Return who may be asked about the domain; looked up again after a while. Never raises for DNS."""
    found = remembered_for(domain)
    if found is None:
        found = recipients_for(Name(domain), Resolver.configured(deadline or Deadline(SECONDS_FOR_A_PAGE)))
        cache.set(_key(domain), found, REMEMBERED_SILENT if found.unknown else REMEMBERED)
    return found


def remembered_for(domain: str) -> Found | None:
    """Return what was found lately, None where somebody would have to be asked."""
    found = cache.get(_key(domain))
    return found if isinstance(found, Found) else None


def not_looked(domain: str) -> Found:
    """Return what is known of a domain that nobody was asked about."""
    return Found((), unknown=(domain,))


def _key(domain: str) -> str:
    return f"approvers:{domain}"


def found_for_each(domains: Iterable[str]) -> dict[str, Found]:
    """Look several up at once, within one budget of seconds."""
    wanted, deadline = list(dict.fromkeys(domains)), Deadline(SECONDS)
    if len(wanted) == 1:
        return {wanted[0]: found_for(wanted[0], deadline)}
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        return dict(zip(wanted, pool.map(lambda domain: found_for(domain, deadline), wanted), strict=True))


@dataclass(frozen=True)
class Choice:
    """The select of one question, drawn: `groups` are (title, recipients)."""

    question: Question
    found: Found | None = None
    chosen: str = ""
    error: str = ""

    @property
    def groups(self) -> list[tuple[str, list[Recipient]]]:
        sorted_out: dict[str, list[Recipient]] = {}
        for recipient in self.found.recipients if self.found is not None else ():
            published = recipient.source != "constructed"
            title = _("Published in the DNS of %(domain)s") if published else _("Mailboxes of %(domain)s")
            sorted_out.setdefault(title % {"domain": recipient.domain}, []).append(recipient)
        return list(sorted_out.items())

    @property
    def nobody(self) -> str:
        """Say why the select is empty."""
        if self.found is None or self.found.recipients:
            return ""
        if self.found.unknown:
            return _("The domain’s name servers do not answer just now, so we do not know whom to ask.")
        return _("This domain takes no mail and publishes no contact, so nobody can be asked.")
