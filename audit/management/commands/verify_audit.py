"""Walks the hash chain over the audit entries and says whether memory is what it was."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.chain import ChainBroken, verify
from audit.models import Link


class Command(BaseCommand):
    help = (
        "Verify the audit entries. Keep the printed head elsewhere: with --head a cut-off end is found too."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--head", help="a hash printed by an earlier run")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            length = verify(options["head"])
        except ChainBroken as exc:
            raise CommandError(f"Memory was changed: {exc}") from exc
        last = Link.objects.order_by("-position").first()
        self.stdout.write(f"{length} entries verified. Head: {last.hash if last else '-'}")
