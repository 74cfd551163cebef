"""`manage.py healthcheck`: what /health/ready says, for containers without a web server; `--worker` asks whether anybody works."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.utils import timezone

from portal import readiness
from portal.backlog import not_worked


class Command(BaseCommand):
    help = "Ends with 0 when this installation is well, with 1 and one line otherwise."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--worker", action="store_true", help="Are due rows being worked, by whichever worker?"
        )
        parser.add_argument(
            "--minutes",
            type=int,
            default=5,
            metavar="N",
            help="How long a ready row may lie untouched (default: 5).",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["worker"]:
            self._ask_for_workers(timedelta(minutes=options["minutes"]))
        else:
            self._ask_for_parts()
        self.stdout.write("ok")

    def _ask_for_workers(self, patience: timedelta) -> None:
        """No heartbeat is needed: a row that is ready and that nobody takes says it all."""
        try:
            lying = not_worked(timezone.now(), patience)
        except DatabaseError as fault:
            raise CommandError(f"the database does not answer: {type(fault).__name__}") from None
        if lying:
            raise CommandError(f"nobody works: {', '.join(lying)}")

    def _ask_for_parts(self) -> None:
        faults = [name for name, state in readiness.parts().items() if state == readiness.UNAVAILABLE]
        if faults:
            raise CommandError(f"unavailable: {', '.join(faults)}")
