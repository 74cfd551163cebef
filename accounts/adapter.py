"""What django-allauth asks us: which mails to send, and who may sign up."""

from __future__ import annotations

import hashlib
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from django.http import HttpRequest
from django.utils import timezone

from accounts.addresses import client_address
from accounts.mail import post
from accounts.reauthentication import authenticated_recently
from leases import ring


class AccountAdapter(DefaultAccountAdapter):
    """Mails go through the letter box, so that a dead mail server never breaks a sign-up."""

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        message = self.render_mail(template_prefix, email, context)
        now = timezone.now()
        # Two requests for a reset link are two letters: the text (with its link) tells them apart.
        digest = hashlib.sha256(f"{email}|{message.body}|{now.isoformat()}".encode()).hexdigest()[:24]
        post(
            to=email,
            kind=template_prefix.rsplit("/", 1)[-1],
            occasion=f"account:{digest}",
            subject=str(message.subject),
            body=str(message.body),
            now=now,
        )
        ring()

    def is_reauthentication_required(self, *, app: str = "") -> bool:
        """Signing in counts as well as signing in again: nobody is asked for the password twice in a minute."""
        request = context.request
        return request is None or not authenticated_recently(request)

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_address(request) or "0.0.0.0"  # noqa: S104 - a label for rate limits, nothing is bound
