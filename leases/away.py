"""Whether an error says that the database went away under the work, rather than that the work is wrong."""

from __future__ import annotations

from django.db import InterfaceError, InternalError, OperationalError

# The server has ended a session that stood still in a transaction (25P03) or took too long over one (25P04), or has
# become a standby (25006). Django calls these internal errors.
ENDED = {"25P03", "25P04", "25006"}


def is_away(error: BaseException) -> bool:
    """True if nobody but the database is at fault: whoever holds a row lets its lease lapse, and it is tried again."""
    if isinstance(error, InternalError):
        return getattr(error.__cause__, "sqlstate", None) in ENDED
    return isinstance(error, OperationalError | InterfaceError)
