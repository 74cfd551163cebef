"""Sessions in the database, as Django keeps them; looked up with a query that is built once, for every page asks it."""

from __future__ import annotations

from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.contrib.sessions.models import Session
from django.utils import timezone

from leases.prepared import Prepared

_running = Prepared(
    lambda key, now: Session.objects.filter(session_key=key, expire_date__gt=now),
    Session._meta.get_field("session_key"),
    Session._meta.get_field("expire_date"),
)


class SessionStore(DatabaseStore):
    """What SESSION_ENGINE names."""

    def _get_session_from_db(self) -> Session | None:
        found = _running.first(self.session_key, timezone.now())
        if found is None:
            self._session_key = None
        return found
