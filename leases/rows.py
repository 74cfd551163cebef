"""The row is the queue: abstract model and QuerySet for rows that want work.

A row that wants work has `due_at` (null only when its story is over), `lease_until` and a fencing `epoch`.
A worker claims it by a compare-and-swap UPDATE whose row count must be 1, and every later write of that claim
checks the epoch. Correctness never rests on SKIP LOCKED, which Django silently drops on SQLite.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from datetime import datetime, timedelta
from typing import Any, Self, TypeVar

from django.db import models, transaction
from django.db.models import F, Q, Window
from django.db.models.functions import RowNumber

from leases import statements
from leases.turns import Turns

LEASE = timedelta(seconds=90)  # more than three times the longest network timeout of one step (20 s)

# So many of the longest waiting rows are looked at, and so many where they all are of owners who were served already.
WINDOW = 20
BACKLOG = 10_000
HEADS = 3

LeasedRow = TypeVar("LeasedRow", bound="Leased")


class LeaseLost(Exception):
    """Another worker holds this row now; whoever catches this must stop without writing anything."""


_turns: dict[str, Turns] = {}


def turns_of(label: str) -> Turns:
    """Return the turns of this process for one kind of row."""
    return _turns.setdefault(label, Turns())


class LeasedQuerySet(models.QuerySet[LeasedRow]):
    """Sentences about rows that want work."""

    # Whose the row is, as a lookup ("owner_id"): owners take turns. Empty: the longest waiting row comes first.
    owner_path = ""

    def due(self, now: datetime) -> Self:
        """Return rows whose time has come and that nobody holds, the longest waiting first."""
        free = Q(lease_until__isnull=True) | Q(lease_until__lt=now)
        return self.filter(free, due_at__isnull=False, due_at__lte=now).order_by("due_at")

    def claim(self, pk: Any, now: datetime) -> LeasedRow | None:
        """Take the row for LEASE, or return None when another worker was there first."""
        lease = now + LEASE
        if self._is_plain:
            return statements.claim(self.model, pk, now, lease)
        free = Q(lease_until__isnull=True) | Q(lease_until__lt=now)
        taken = self.filter(free, pk=pk, due_at__isnull=False, due_at__lte=now).update(
            lease_until=lease, epoch=F("epoch") + 1
        )
        # A worker that stood still between the two statements must not read another's epoch as its own.
        return self.filter(pk=pk, lease_until=lease).first() if taken == 1 else None

    @property
    def _is_plain(self) -> bool:
        """True if nothing narrows these rows, so that ready SQL says the same."""
        return not self.query.where and not self.query.is_sliced and self._db is None  # type: ignore[attr-defined]

    def waiting_keys(self, now: datetime) -> list[tuple[Any, Hashable]]:
        """Return some due rows as (key, owner), in the order in which they should be claimed."""
        if self.owner_path:
            rows = (
                statements.due_with_owners(self.model, self.owner_path, now, WINDOW)
                if self._is_plain
                else list(self.due(now).values_list("pk", self.owner_path)[:WINDOW])
            )
            return self.in_turn(rows, now)
        if self._is_plain:
            return [(pk, None) for pk in statements.due_keys(self.model, now, WINDOW)]
        return [(pk, None) for pk in self.due(now).values_list("pk", flat=True)[:WINDOW]]

    def claim_listed(self, pk: Any, owner: Hashable, now: datetime) -> LeasedRow | None:
        """Claim a row that `waiting_keys` has named; None when it went to another or is no longer due."""
        row = self.claim(pk, now)
        if self.owner_path:
            turns = turns_of(self.model._meta.label)
            turns.took(pk, owner) if row is not None else turns.missed(pk)
        return row

    def claim_next(self, now: datetime) -> LeasedRow | None:
        """Take the longest waiting free row, or return None when nothing is due.

        Where `owner_path` names the rows' owner, owners take turns: of the longest waiting, one whose owner this
        process has not served for the longest time.
        """
        listed = self.waiting_keys(now)
        return next((row for key in listed if (row := self.claim_listed(*key, now)) is not None), None)

    def in_turn(self, rows: list[tuple[Any, Hashable]], now: datetime) -> list[tuple[Any, Hashable]]:
        """Return due rows, found as (key, owner), whoever's turn it is first; one owner's rows stay in their order."""
        if not self.owner_path:
            return rows
        turns = turns_of(self.model._meta.label)
        if len(rows) == WINDOW and turns.all_served({owner for _pk, owner in rows}):
            # All before us are owners whose turn has been: is there anybody behind them?
            rows = list((turns.behind(lambda: self._heads(now)) | dict(rows)).items())
        return turns.ordered(rows)

    def all_served(self, owners: Iterable[Hashable]) -> bool:
        """True if this process has served a row of each of these owners before, or does not tell owners apart."""
        return not self.owner_path or turns_of(self.model._meta.label).all_served(owners)

    def _heads(self, now: datetime) -> list[tuple[Any, Hashable]]:
        """Return the longest waiting rows of each owner within a backlog: a bounded look, by the index."""
        if self._is_plain:
            return statements.heads(self.model, now)
        return list(self.heads(now))

    def heads(self, now: datetime) -> Any:
        """Return (key, owner) of the longest waiting rows of each owner within a backlog."""
        backlog = self.filter(pk__in=self.due(now).values("pk")[:BACKLOG])
        nth = Window(RowNumber(), partition_by=[F(self.owner_path)], order_by="due_at")
        heads = backlog.annotate(nth=nth).filter(nth__lte=HEADS).order_by("due_at")
        return heads.values_list("pk", self.owner_path)

    def wake(self, now: datetime) -> int:
        """Make unfinished rows due at once; return how many. Rows whose story is over stay asleep."""
        return self.filter(due_at__gt=now).update(due_at=now)


class Leased(models.Model):
    """A row that wants work until its story is over."""

    due_at = models.DateTimeField(null=True, blank=True, editable=False)
    lease_until = models.DateTimeField(null=True, blank=True, editable=False)
    epoch = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        abstract = True

    def write(self, **values: Any) -> None:
        """Write columns under the claim, and what was kept. Raises LeaseLost when the epoch has moved on."""
        kept = self._kept_values()
        both = {**kept, **values}
        if not both:
            return
        written = statements.write(self, self.epoch, both)
        if written is None:
            written = type(self)._default_manager.filter(pk=self.pk, epoch=self.epoch).update(**both)
        if written != 1:
            raise LeaseLost(f"{type(self).__name__} {self.pk}")
        for name, value in values.items():
            setattr(self, name, value)
            kept.pop(name, None)
        if kept:
            self._stored(dict(kept))

    def keep(self, **values: Any) -> None:
        """Take over what was merely read, to be written with the next write of this claim: one statement less.

        For what a new look would find again, should this process die before: never for an intent. Call `flush` before
        a request that changes anything elsewhere, where no other write stands between.
        """
        for name, value in values.items():
            setattr(self, name, value)
        self._kept_values().update(values)

    def flush(self) -> None:
        """Write what was kept, if anything was. Raises LeaseLost."""
        if self._kept_values():
            self.write()

    def _kept_values(self) -> dict[str, Any]:
        kept: dict[str, Any] = self.__dict__.setdefault("_kept", {})
        return kept

    def _stored(self, written: dict[str, Any]) -> None:
        """Forget what was kept once it is committed: a transaction that fails leaves it to the next write."""
        kept = self._kept_values()

        def forget() -> None:
            for name, value in written.items():
                if name in kept and kept[name] is value:
                    del kept[name]

        transaction.on_commit(forget)

    def renew_lease(self, now: datetime, **values: Any) -> None:
        """Hold on for another LEASE, right before an irreversible call, and write `values` with it. Raises LeaseLost."""
        self.write(lease_until=now + LEASE, **values)

    def let_go(self, due_at: datetime | None, **values: Any) -> None:
        """End the claim: look again at `due_at`, or never (None: the story is over). Raises LeaseLost."""
        self.write(due_at=due_at, lease_until=None, **values)


def due_index(name: str) -> models.Index:
    """Return the partial index that keeps the due scan flat while finished rows pile up."""
    return models.Index(fields=["due_at"], name=name, condition=Q(due_at__isnull=False))
