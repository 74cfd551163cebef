"""Put the four products, their prices and the first agreement into an empty shop."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

from orders import catalogue


class Command(BaseCommand):
    help = "Add products, prices and the agreement where they are missing. Never changes a row that is there."

    def handle(self, *args: Any, **options: Any) -> None:
        added = catalogue.seed(timezone.now(), settings.CURRENCY)
        self.stdout.write(f"added: {', '.join(added)}" if added else "nothing to add")
