"""A database connection that is looked at, not asked, before it is used for another request, and has a short way."""

from __future__ import annotations

import select
from functools import partial
from typing import Any

import psycopg
from django.db.backends.postgresql import base, operations
from django.db.backends.utils import debug_transaction

from portal.postgres.ready import NotReady, ReadyStatements, Values, command

# What one statement may carry where the server, not the client, puts the values in (a 16-bit count on the wire).
MOST_VALUES = 65_535
# The server has forgotten a prepared statement, or its table has changed since.
STALE = (psycopg.errors.InvalidSqlStatementName, psycopg.errors.FeatureNotSupported)

# What a statement has done after which psycopg sends DEALLOCATE ALL (its PrepareManager), or was that itself.
FORGETTING = ("DROP", "ALTER", "ROLLBACK", "DISCARD ALL", "DEALLOCATE ALL")

Answer = tuple[list[tuple[Any, ...]], int]


class DatabaseOperations(operations.DatabaseOperations):
    def bulk_batch_size(self, fields: Any, objs: Any) -> int:
        return min(len(objs), MOST_VALUES // max(len(fields), 1))


class Cursor(base.ServerBindingCursor):
    """Notices when the driver has the server forget all that is prepared: what we have prepared is gone with it."""

    def execute(self, *args: Any, **kwargs: Any) -> Any:
        done = super().execute(*args, **kwargs)  # type: ignore[misc]  # the stubs do not know what this inherits
        status: str | None = self.statusmessage  # type: ignore[attr-defined]
        if (status or "").startswith(FORGETTING):
            self.connection.ready.forget()  # type: ignore[attr-defined]
        return done


class DatabaseWrapper(base.DatabaseWrapper):
    """CONN_HEALTH_CHECKS without a round trip: a server that has hung up has left something to be read.

    One that vanished without a word leaves nothing: that is what CONN_MAX_AGE is for, which is shorter than any patience
    of what stands between.

    Transactions begin by a BEGIN of ours, as Django has it for SQLite: the driver stays in autocommit and need not be
    asked to leave it and to come back, which took as long as a statement each.
    """

    ops_class = DatabaseOperations

    def get_connection_params(self) -> Any:
        params = super().get_connection_params()
        if params.get("prepare_threshold") is not None:
            params["cursor_factory"] = Cursor
        return params

    def get_new_connection(self, conn_params: Any) -> Any:
        connection = super().get_new_connection(conn_params)
        # None where a pooler hands each transaction another connection (`prepared=off`).
        connection.ready = ReadyStatements(connection) if connection.prepare_threshold is not None else None
        return connection

    def is_usable(self) -> bool:
        connection: Any = self.connection
        if connection is None or connection.closed:
            return False
        poll = select.poll()
        poll.register(connection.fileno(), select.POLLIN)
        return not poll.poll(0) or super().is_usable()

    # --- the short way -----------------------------------------------------------------------------------------

    def run_ready(self, sql: str, values: Values) -> Answer:
        """Run one statement that will be asked again; return the rows it answers with and how many it changed.

        `sql` has its places as a cursor's has. Wrappers of executions see it (with no cursor in their context).
        """
        if self.queries_logged:
            return _answer(self.cursor(), sql, values)
        self.validate_thread_sharing()
        self.ensure_connection()
        self.validate_no_broken_transaction()
        run = self._run
        for wrapper in reversed(self.execute_wrappers):
            run = partial(wrapper, run)
        with self.wrap_database_errors:
            return run(sql, values, False, {"connection": self, "cursor": None})

    def _run(self, sql: str, values: Values, many: bool, context: Any) -> Answer:
        ready: ReadyStatements | None = self.connection.ready
        if ready is None or not self.connection.autocommit:
            return self._by_cursor(sql, values)
        try:
            return ready.run(sql, values)
        except NotReady:
            return self._by_cursor(sql, values)
        except STALE:
            ready.forget()
            if self.in_atomic_block:
                raise
            return self._by_cursor(sql, values)

    def _by_cursor(self, sql: str, values: Values) -> Answer:
        """By a cursor of the driver's: whoever wraps executions has seen it already."""
        return _answer(self.create_cursor(), sql, values)

    # --- transactions ------------------------------------------------------------------------------------------

    def _start_transaction_under_autocommit(self) -> None:
        with debug_transaction(self, "BEGIN"), self.wrap_database_errors:
            command(self.connection, b"BEGIN")

    def _set_autocommit(self, autocommit: bool) -> None:
        if self.connection.autocommit != autocommit:
            with self.wrap_database_errors:
                self.connection.autocommit = autocommit

    # Not by a cursor: after a ROLLBACK TO the driver has the server forget every prepared statement, its own and ours.

    def _savepoint(self, sid: str) -> None:
        self._mark(self.ops.savepoint_create_sql(sid))

    def _savepoint_rollback(self, sid: str) -> None:
        self._mark(self.ops.savepoint_rollback_sql(sid))

    def _savepoint_commit(self, sid: str) -> None:
        self._mark(self.ops.savepoint_commit_sql(sid))

    def _mark(self, sql: str) -> None:
        self.ensure_connection()
        with debug_transaction(self, sql), self.wrap_database_errors:
            command(self.connection, sql.encode())

    def _commit(self) -> None:
        if self.connection is not None:
            with debug_transaction(self, "COMMIT"), self.wrap_database_errors:
                self._end(b"COMMIT")

    def _rollback(self) -> None:
        if self.connection is not None:
            with debug_transaction(self, "ROLLBACK"), self.wrap_database_errors:
                self._end(b"ROLLBACK")

    def _end(self, word: bytes) -> None:
        if self.connection.pgconn.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            command(self.connection, word)


# As leases/wire.py does: this module is imported while the database is first asked for, when `leases` cannot be.
def _answer(cursor: Any, sql: str, values: Values) -> Answer:
    with cursor:
        cursor.execute(sql, values)
        return (cursor.fetchall() if cursor.description else []), cursor.rowcount
