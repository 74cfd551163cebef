"""Real orders, many at a time, each held up by what stands in its customer's zone or on its web server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from django.utils import timezone

from accounts.models import User
from certificates import issuance
from certificates.models import CaAccount, Certificate, Issuance
from portal import sweeping
from tests.factories import plan_for
from validation.models import Authorization, Challenge
from validation.problems import Finding


class Desk:
    """One order by case. What goes wrong with one is kept in `wrong` and does not stop the others."""

    def __init__(self, owner: User, account: CaAccount) -> None:
        self.owner, self.account = owner, account
        self.wanted: dict[str, Issuance] = {}
        self.wrong: dict[str, str] = {}

    @property
    def cases(self) -> list[str]:
        return [case for case in self.wanted if case not in self.wrong]

    def order(self, names: Mapping[str, str], method: str = "dns-01") -> None:
        """Order a certificate for each name, until the CA has told what it wants to see."""
        for case, name in names.items():
            plan = plan_for(self.owner, name, account=self.account, method=method)
            self.wanted[case] = issuance.request(plan, by=self.owner, now=timezone.now())
        self._until(lambda: all(self._rows(case).exists() for case in names), "the CA offered no challenge")

    def challenge(self, case: str) -> Challenge:
        found = self._rows(case).get().challenge()
        assert found is not None, case
        return found

    def look(self, cases: Iterable[str] | None = None) -> None:
        """Look at the names that are not in place, each once."""
        for case in self.cases if cases is None else cases:
            for row in self._rows(case).filter(shown_at=None):
                Authorization.objects.filter(pk=row.pk).update(due_at=timezone.now())
                claimed = Authorization.objects.claim(row.pk, timezone.now())
                if claimed is not None:
                    sweeping.work_at("authorizations", claimed)

    def told(self, slugs: Mapping[str, str]) -> dict[str, Finding]:
        """Look, and return what was found, where it is what it should be and keeps the CA from being asked."""
        self.look()
        self._work()
        found: dict[str, Finding] = {}
        for case in self.cases:
            row = self._rows(case).get()
            slug = row.finding.get("slug", "no finding")
            if slug != slugs[case]:
                self.wrong[case] = f"{slug} instead of {slugs[case]}"
            elif self.issued(case) or row.challenges.filter(answered_at__isnull=False).exists():
                self.wrong[case] = "the CA was asked before the line was published"
            else:
                found[case] = row.last_finding
        return found

    def issue(self) -> None:
        """Work until every order has its certificate, the very one that was held up."""

        def all_issued() -> bool:
            self.look(case for case in self.cases if not self.issued(case))
            return all(self.issued(case) for case in self.cases)

        self._until(all_issued, "")
        for case in self.cases:
            if not self.issued(case):
                row = self._rows(case).order_by("-created_at").first()
                self.wrong[case] = f"not issued: {row.finding.get('slug')} {row.status} {row.problem}"
            elif self.wanted[case].acme_orders.count() != 1:
                self.wrong[case] = "the CA needed another order"

    def issued(self, case: str) -> bool:
        return Certificate.objects.filter(issuance=self.wanted[case]).exists()

    def refused(self, case: str) -> str:
        """Insist that the CA looks although we see nothing in place, and return what it says."""
        row = self._rows(case).get()
        assert row.insist(timezone.now())
        self.wanted[case].acme_orders.update(due_at=timezone.now())
        refused = Authorization.objects.filter(pk=row.pk, status=Authorization.Status.INVALID)
        self._until(refused.exists, "")
        row.refresh_from_db()
        return f"{row.status} {row.problem}"

    def _rows(self, case: str):
        return Authorization.objects.filter(acme_orders__issuance=self.wanted[case])

    def _work(self) -> None:
        while sweeping.work_one("acme_orders"):
            pass

    def _until(self, true: Callable[[], bool], otherwise: str, seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while not true():
            if time.monotonic() > end:
                assert not otherwise, otherwise
                return
            self._work()
            time.sleep(0.05)
