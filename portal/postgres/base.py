"""A database connection that is looked at, not asked, before it is used for another request."""

from __future__ import annotations

import select
from typing import Any

from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    """CONN_HEALTH_CHECKS without a round trip: a server that has hung up has left something to be read.

    One that vanished without a word leaves nothing: that is what CONN_MAX_AGE is for, which is shorter than any patience
    of what stands between.
    """

    def is_usable(self) -> bool:
        connection: Any = self.connection
        if connection is None or connection.closed:
            return False
        poll = select.poll()
        poll.register(connection.fileno(), select.POLLIN)
        return not poll.poll(0) or super().is_usable()
