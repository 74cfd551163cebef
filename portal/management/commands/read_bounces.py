"""`manage.py read_bounces`: takes mails that came back, from a pipe of the mail server or from a Maildir."""

from __future__ import annotations

import mailbox
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.utils import timezone

from accounts import bounces

# sysexits.h: the mail server keeps the mail and tries again.
EX_TEMPFAIL = 75


class Command(BaseCommand):
    help = "Reads one mail from standard input, or every unread one of a Maildir, and notes which letters came back."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--maildir", metavar="PATH", help="Read this Maildir and mark its mails as seen.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["maildir"]:
                self._read_folder(options["maildir"])
            else:
                self._take(sys.stdin.buffer.read(bounces.LARGEST + 1))
        except DatabaseError as fault:
            raise CommandError(f"later: {type(fault).__name__}", returncode=EX_TEMPFAIL) from None

    def _read_folder(self, path: str) -> None:
        try:
            folder = mailbox.Maildir(path, create=False)
        except (mailbox.NoSuchMailboxError, OSError) as fault:
            raise CommandError(f"no Maildir at {path}") from fault
        for key, mail in folder.items():
            if "S" in mail.get_flags():
                continue
            self._take(folder.get_bytes(key))
            mail.set_subdir("cur")
            mail.add_flag("S")
            folder[key] = mail

    def _take(self, raw: bytes) -> None:
        letter = bounces.take(raw, timezone.now())
        if letter is not None:
            self.stdout.write(f"came back: {letter.kind} to {letter.to}")
