"""`make run`: the portal, a worker and the sandbox in the foreground, until Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from runner.installation import ROOT, Installation, PortBusy
from runner.processes import DiedEarly


def main() -> int:
    var_dir = Path(os.environ.get("VAR_DIR", ROOT / "var")).resolve()
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_signal: stopping.set())
    say("Starting the sandbox, the portal and a worker …")
    installation = Installation(var_dir)
    try:
        with installation:
            show_addresses(installation)
            while not stopping.wait(1.0):
                installation.processes.check()
            say("\nStopping …")
    except (PortBusy, DiedEarly, TimeoutError, RuntimeError) as exc:
        say(f"\n{exc}")
        return 1
    return 0


def show_addresses(installation: Installation) -> None:
    env = installation.env
    rows = [
        ("Portal", installation.portal_url, "sign up with any address; mails arrive in the mailbox"),
        ("Admin", f"{installation.portal_url}/admin/", "admin@portal.example · sandbox-only-password"),
        ("Support", f"{installation.portal_url}/staff/", "support@portal.example · sandbox-only-password"),
        ("Test card", "4242 4242 4242 4242", "any date ahead, any CVC; 4000 0000 0000 0002 is declined"),
        ("Mailbox", env.get("MAILBOX_URL", ""), "every mail the portal sends"),
        ("Hosting panel", env.get("HOSTING_PANEL_URL", ""), "publish DNS records and files here"),
        ("Logs", str(installation.processes.log_dir), "one file per process"),
    ]
    say("")
    for title, value, note in rows:
        say(f"  {title:<14} {value:<36} {note}")
    say("\nCtrl-C stops everything.")


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
