"""Fills an empty sandbox: catalogue, the test CA as issuer of what can be bought, and an admin to sign in as."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.models import Group
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.models import User
from certificates.models import CaAccount, ProductIssuer
from orders.catalogue import seed
from orders.models import Product

ADMIN = "admin@portal.example"
SUPPORT = "support@portal.example"
PASSWORD = "sandbox-only-password"  # noqa: S105 - printed on the screen of a sandbox that holds nothing real


class Command(BaseCommand):
    help = "Fill an empty sandbox with a catalogue, the test CA and people to sign in as. Never runs in production."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.SANDBOX:
            raise CommandError("seed_sandbox is for the sandbox only")
        seed(timezone.now(), settings.CURRENCY)
        self.ca()
        self.person(ADMIN, superuser=True)
        self.person(SUPPORT, group="support")
        self.stdout.write(f"Sandbox ready. Staff: {ADMIN} and {SUPPORT}, password {PASSWORD}")

    def ca(self) -> None:
        bundle = Path(settings.ACME_CA_BUNDLE)
        roots = bundle.read_text(encoding="utf-8") if bundle.exists() else ""
        account, _created = CaAccount.objects.get_or_create(
            name="Sandbox CA (Pebble)",
            defaults={
                "directory_url": settings.ACME_DIRECTORY_URL,
                "terms_agreed_at": timezone.now(),
                "email_mode": CaAccount.EmailMode.ASSISTED,
                "publicly_trusted": False,
            },
        )
        account.directory_url, account.roots_pem = settings.ACME_DIRECTORY_URL, roots
        account.caa_identities = account.caa_identities or ["pebble.letsencrypt.org"]
        account.save(update_fields=["directory_url", "roots_pem", "caa_identities"])
        for product in Product.objects.filter(level="dv"):
            ProductIssuer.objects.get_or_create(product=product, account=account)

    def person(self, email: str, *, superuser: bool = False, group: str = "") -> None:
        user = User.objects.filter(email=email).first()
        if user is None:
            user = User.objects.create_user(email, PASSWORD, is_staff=True, is_superuser=superuser)
        if group:
            user.groups.add(Group.objects.get(name=group))
        EmailAddress.objects.get_or_create(
            user=user, email=email, defaults={"verified": True, "primary": True}
        )
