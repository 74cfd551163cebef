"""What people see of a fault: the words on the customer's page, support's page of the plan, and the board of what is stuck."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.urls import reverse

from certificates.models import Issuance

if TYPE_CHECKING:
    from tests.faults.desk import FaultDesk

# The board does not list it: nobody has waited for long, and nobody need act.
NOTHING: Final = "NOTHING"


@dataclass(frozen=True)
class Seen:
    """`customer` and `story` are words that must stand there; `board` is the title of the group that lists it, or NOTHING.

    `line` is what the board's line says of it.
    """

    customer: tuple[str, ...]
    story: tuple[str, ...]
    board: str
    line: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (
            not self.customer
            or not self.story
            or not all((*self.customer, *self.story, self.board, *self.line))
        ):
            raise ValueError("an empty expectation is met by every page")
        if self.line and self.board == NOTHING:
            raise ValueError("what is not on the board has no line there")


def assert_seen(desk: FaultDesk, wanted: Issuance, seen: Seen, when: str = "") -> str:
    """Read all three; return the customer's page for further questions."""
    read = desk.customer_reads(wanted)
    for words in seen.customer:
        assert words in read, f"{when} the customer reads: {read}"
    story = desk.support_reads(wanted)
    for words in seen.story:
        assert words in story, f"{when} support reads: {story}"
    lines = board_lines(desk, wanted)
    if seen.board == NOTHING:
        assert lines == {}, f"{when} the board lists it"
    else:
        assert seen.board in lines, f"{when} the board lists it under {lines}"
        for words in seen.line:
            assert words in lines[seen.board], f"{when} the board says: {lines[seen.board]}"
    return read


def board_lines(desk: FaultDesk, wanted: Issuance) -> dict[str, str]:
    """Return the lines about this order or its CA on the board, as support sees it, by the title of their group."""
    page = desk.page(desk.support, reverse("staff_home"))
    mine = (wanted.plan.item.order.number, desk.account.name)
    lines = {}
    for group in page.split('<section class="stack-s"')[1:]:
        title = plain(re.search(r"<h3[^>]*>(.*?)</h3>", group, re.DOTALL)[1])
        for item in re.findall(r'<li class="stuck-row">(.*?)</li>', group, re.DOTALL):
            if any(words in plain(item) for words in mine):
                lines[title] = plain(item)
    return lines


def plain(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", markup)).split())
