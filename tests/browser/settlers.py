"""Customers who have lived in the town for a while: run inside the portal's environment, prints who they are as JSON."""

from __future__ import annotations

import json
import sys

PASSWORD = "a-long-browser-password-7"


def settle(emails: list[str]) -> dict[str, str]:
    """Make an account with a confirmed address for each, and a session that signed in long ago; return its key by address."""
    from allauth.account.models import EmailAddress
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.hashers import make_password
    from django.contrib.sessions.backends.db import SessionStore

    from accounts.models import User

    hashed, keys = make_password(PASSWORD), {}
    for email in emails:
        user = User(email=email, name=email.split("@")[0].capitalize() + " Archer", password=hashed)
        user.save()
        EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
        session = SessionStore()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = "accounts.backends.ByEmail"
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.save()
        keys[email] = str(session.session_key)
    return keys


if __name__ == "__main__":
    import os

    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()
    sys.stdout.write(json.dumps(settle(sys.argv[1:])))
