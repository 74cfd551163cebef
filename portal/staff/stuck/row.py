"""One line of the board: what is stuck, and what can be done about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from django.utils.functional import Promise

SHOWN = 25
# One more than is shown tells whether there are more.
FETCHED = SHOWN + 1

Text = str | Promise
May = Callable[[str], bool]


@dataclass(frozen=True)
class Act:
    """A button: a link, or with `post` a form. Left out for whoever has not the permission `needs`."""

    label: Text
    url: str
    needs: str = ""
    post: bool = False
    icon: str = "arrow-right"


@dataclass(frozen=True)
class Stuck:
    """`why` is a sentence of ours, `words` what a CA, a gateway or a mail server said: shown escaped.

    `then` says what happens next. Where it is empty, `next_at` does: the next look by ourselves, None for none.
    `needs` is the permission for the page at `url`; `behind` counts the orders that wait for this.
    """

    what: str
    why: Text
    since: datetime | None
    url: str = ""
    needs: str = ""
    names: tuple[str, ...] = ()
    words: str = ""
    then: Text = ""
    next_at: datetime | None = None
    acts: tuple[Act, ...] = ()
    behind: int | None = None

    def for_reader(self, may: May) -> Stuck:
        """Leave out the links and buttons that would lead this reader to a refusal."""
        acts = tuple(act for act in self.acts if not act.needs or may(act.needs))
        return replace(self, url="" if self.needs and not may(self.needs) else self.url, acts=acts)


Finder = Callable[[datetime], Iterable[Stuck]]
