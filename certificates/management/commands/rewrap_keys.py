"""Wraps every sealed key under the newest key-encryption key, so that the old one can be taken away."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from certificates import vault
from certificates.models import CaAccount, PrivateKey
from certificates.sealing import CannotUnseal

BATCH = 500


class Command(BaseCommand):
    help = (
        "Wrap all keys under the first of KEY_ENCRYPTION_KEYS. May be stopped and started again at any time."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        done, failed = 0, 0
        old = PrivateKey.objects.filter(state=PrivateKey.State.HELD).exclude(kid=vault.ring().newest)
        last = None
        while True:
            rows = list((old.filter(pk__gt=last) if last else old).order_by("pk")[:BATCH])
            if not rows:
                break
            for row in rows:
                last = row.pk
                try:
                    done += vault.rewrap_key(row)
                except CannotUnseal:
                    failed += 1
                    self.stderr.write(f"key {row.pk} does not open under any key-encryption key")
        accounts = sum(vault.rewrap_account(account) for account in CaAccount.objects.all())
        self.stdout.write(f"{done} private keys and {accounts} CA accounts rewrapped.")
        if failed:
            raise CommandError(f"{failed} keys could not be opened: keep the old key-encryption key.")
