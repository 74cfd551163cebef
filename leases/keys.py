"""Keys that a search has found, to be named in the next one.

Not as a subquery: beside another condition (`OR`) PostgreSQL looks through one anew for every row, once its answer is too
big for the memory that a query may use. With three hundred thousand certificates such a search took minutes.
"""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

# Whoever finds more than so many has to say more.
MOST = 1_000


def some(rows: QuerySet[Any, tuple[Any]]) -> list[Any]:
    """Return what stands in the one column that `rows` was asked for, of MOST rows at most."""
    return [row[0] for row in rows[:MOST]]
