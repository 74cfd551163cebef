"""`python -m sandbox`: run the pretend outside world, or print what the portal needs to live in it."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from sandbox.faults.catalogue import UnknownFault, explained
from sandbox.ports import PortBusy, Ports, PortUnreadable
from sandbox.program import ProgramFailed, ProgramMissing
from sandbox.town import Town


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m sandbox", description="The outside world in small, for trying out."
    )
    made.add_argument(
        "command",
        nargs="?",
        choices=["run", "env", "faults"],
        default="run",
        help="run it (default), print the portal's variables, or list what FAULTS may ask for",
    )
    made.add_argument(
        "--var", type=Path, metavar="DIR", help="where state is kept (default: VAR_DIR, else ./var)"
    )
    made.add_argument(
        "--free-ports", action="store_true", help="use unused ports where no variable names one"
    )
    made.add_argument(
        "--ready-file",
        type=Path,
        metavar="FILE",
        help="write the portal's variables there as JSON once all answers",
    )
    return made


def announce(town: Town) -> None:
    """One line per address."""
    for name, address in town.addresses():
        print(f"{name:<24}{address}")
    print("Sandbox is up. Ctrl-C stops it.", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    chosen = parser().parse_args(arguments)
    if chosen.command == "faults":
        print(explained())
        return 0
    logging.basicConfig(level=logging.WARNING, format="sandbox: %(message)s")
    var_dir = chosen.var or Path(os.environ.get("VAR_DIR") or "var")
    try:
        ports = Ports.from_environment(os.environ, free=chosen.free_ports)
        town = Town(ports, var_dir)
        if chosen.command == "env":
            print("\n".join(f"{key}={value}" for key, value in town.environment().items()))
            return 0
        asyncio.run(town.run(chosen.ready_file, announce))
    except (PortBusy, PortUnreadable, ProgramMissing, ProgramFailed, UnknownFault) as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
