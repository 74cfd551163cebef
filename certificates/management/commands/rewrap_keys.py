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
        """Raises CommandError while anything is left that only an older key-encryption key opens."""
        self.failed = 0
        done, accounts = self.rewrap_private_keys(), self.rewrap_accounts()
        self.stdout.write(f"{done} private keys and {accounts} CA accounts rewrapped.")
        if self.failed:
            raise CommandError(f"{self.failed} keys could not be opened: keep the old key-encryption key.")
        # A process that still runs with the older setting may have sealed something behind our back.
        left = old_private_keys().count() + sum(map(vault.needs_rewrapping, CaAccount.objects.all()))
        if left:
            raise CommandError(f"{left} keys were sealed or changed meanwhile: run this again.")

    def rewrap_private_keys(self) -> int:
        done, last = 0, None
        while True:
            old = old_private_keys()
            rows = list((old.filter(pk__gt=last) if last else old).order_by("pk")[:BATCH])
            if not rows:
                return done
            for row in rows:
                last = row.pk
                try:
                    done += vault.rewrap_key(row)
                except CannotUnseal:
                    self.failed += 1
                    self.stderr.write(f"key {row.pk} does not open under any key-encryption key")

    def rewrap_accounts(self) -> int:
        done = 0
        for account in CaAccount.objects.all():
            try:
                done += vault.rewrap_account(account)
            except CannotUnseal:
                self.failed += 1
                self.stderr.write(f"CA account {account.pk} does not open under any key-encryption key")
        return done


def old_private_keys() -> Any:
    """Return the keys that are held, and not under the newest key-encryption key."""
    return PrivateKey.objects.filter(state=PrivateKey.State.HELD).exclude(kid=vault.ring().newest)
