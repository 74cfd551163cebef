"""`python -m benchmarks.peers <directory> <roots file> <folder>`: other ACME clients, one certificate at a time.

Reads a client's name and a domain name per line, answers with the seconds that it took as JSON. Runs in a mount
namespace of its own, because uacme believes in nothing but the system's trust store: there, and nowhere else, that file
also holds what the CA's own TLS leads to.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

STORE = Path("/etc/ssl/certs/ca-certificates.crt")
CLIENTS = ("uacme", "certbot", "dehydrated")
SECONDS = 60


def uacme(directory: str, folder: Path, *words: str) -> list[str]:
    return [
        "uacme",
        "-y",
        "-a",
        directory,
        "-c",
        str(folder / "uacme"),
        "-h",
        "/bin/true",
        "-t",
        "EC",
        *words,
    ]


def certbot(directory: str, folder: Path, *words: str) -> list[str]:
    own = folder / "certbot"
    return [
        "certbot", "--config-dir", str(own / "c"), "--work-dir", str(own / "w"), "--logs-dir", str(own / "l"),
        "--server", directory, "--agree-tos", "--register-unsafely-without-email", "-n", "--no-random-sleep-on-renew",
        *words,
    ]  # fmt: skip


def dehydrated(directory: str, folder: Path, *words: str) -> list[str]:
    return ["dehydrated", "--config", str(folder / "dehydrated.conf"), *words]


def prepare(directory: str, roots: Path, folder: Path) -> None:
    """Make configurations and open an account with each client, which is not measured."""
    (folder / "well-known").mkdir(parents=True, exist_ok=True)
    (folder / "dehydrated").mkdir(exist_ok=True)
    (folder / "dehydrated.conf").write_text(
        f'CA="{directory}"\nBASEDIR="{folder / "dehydrated"}"\nWELLKNOWN="{folder / "well-known"}"\nKEY_ALGO=prime256v1\n'
        f'CHALLENGETYPE="http-01"\nCURL_OPTS="--cacert {roots}"\nLOCKFILE="{folder / "dehydrated.lock"}"\nOCSP_FETCH="no"\n'
    )
    first: Mapping[str, list[str]] = {
        "uacme": uacme(directory, folder, "new"),
        "certbot": certbot(directory, folder, "register"),
        "dehydrated": dehydrated(directory, folder, "--register", "--accept-terms"),
    }
    for name, command in first.items():
        if shutil.which(name):
            subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)


def issue(client: str, name: str, directory: str, folder: Path) -> dict[str, object]:
    """Time one certificate; {"error"} when the client is missing or fails."""
    webroot = ["certonly", "--webroot", "-w", str(folder / "well-known"), "--key-type", "ecdsa", "-d", name]
    commands: Mapping[str, Callable[[], list[str]]] = {
        "uacme": lambda: uacme(directory, folder, "issue", name),
        "certbot": lambda: certbot(directory, folder, *webroot),
        "dehydrated": lambda: dehydrated(directory, folder, "-c", "-d", name),
    }
    if not shutil.which(client):
        return {"error": "not installed"}
    started = time.perf_counter()
    done = subprocess.run(
        commands[client](),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    taken = time.perf_counter() - started
    if done.returncode != 0:
        return {"error": (done.stderr or done.stdout).strip()[-300:]}
    return {"seconds": taken}


def trust(roots: Path, folder: Path) -> None:
    """Lay a longer trust store over the system's, in this namespace only."""
    both = folder / "trust.crt"
    both.write_text((STORE.read_text() if STORE.exists() else "") + roots.read_text())
    if shutil.which("uacme") and STORE.exists():
        subprocess.run(["mount", "--bind", str(both), str(STORE)], check=False, capture_output=True)
    os.environ["REQUESTS_CA_BUNDLE"] = str(both)


def main(directory: str, roots: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    trust(roots, folder)
    prepare(directory, roots, folder)
    print("ready", flush=True)
    for line in sys.stdin:
        client, name = line.split()
        try:
            print(json.dumps(issue(client, name, directory, folder)), flush=True)
        except subprocess.TimeoutExpired:
            print(json.dumps({"error": f"not done after {SECONDS} s"}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
