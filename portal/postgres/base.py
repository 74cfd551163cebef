"""A database connection that is looked at, not asked, before it is used for another request."""

from __future__ import annotations

import select
from typing import Any

from django.db.backends.postgresql import base, operations

# What one statement may carry where the server, not the client, puts the values in (a 16-bit count on the wire).
MOST_VALUES = 65_535


class DatabaseOperations(operations.DatabaseOperations):
    def bulk_batch_size(self, fields: Any, objs: Any) -> int:
        return min(len(objs), MOST_VALUES // max(len(fields), 1))


class DatabaseWrapper(base.DatabaseWrapper):
    """CONN_HEALTH_CHECKS without a round trip: a server that has hung up has left something to be read.

    One that vanished without a word leaves nothing: that is what CONN_MAX_AGE is for, which is shorter than any patience
    of what stands between.
    """

    ops_class = DatabaseOperations

    def is_usable(self) -> bool:
        connection: Any = self.connection
        if connection is None or connection.closed:
            return False
        poll = select.poll()
        poll.register(connection.fileno(), select.POLLIN)
        return not poll.poll(0) or super().is_usable()
