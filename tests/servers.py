"""Real servers for the tests, each in its own directory on its own port, ended with the test."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sandbox.free_ports import free_port

START_SECONDS = 20.0


class DidNotStart(Exception):
    """The message holds the end of the server's log."""


def program(*names: str) -> str:
    """Return the first of these programs that is installed, looking in the server directories too."""
    paths = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", *map(str, _postgres_dirs())])
    for name in names:
        found = shutil.which(name, path=paths)
        if found:
            return found
    raise DidNotStart(f"{names[0]} is not installed; `bin/setup test` installs it")


def _postgres_dirs() -> list[Path]:
    return sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


@contextmanager
def running(
    command: Sequence[str],
    port: int,
    log: Path,
    *,
    user: str | None = None,
    env: dict[str, str] | None = None,
    bare: bool = False,
) -> Iterator[int]:
    """Start a server in the foreground and yield its pid once its port answers. `bare`: it sees `env` and nothing else."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            list(command), stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True,
            user=user, group=pwd.getpwnam(user).pw_gid if user else None, extra_groups=[] if user else None,
            env={**({} if bare else os.environ), **(env or {})},
        )  # fmt: skip
    try:
        _wait(process, port, log)
        yield process.pid
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(5)


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise DidNotStart(log.read_text(errors="replace")[-2000:])


def _unprivileged(folder: Path) -> str | None:
    """PostgreSQL refuses to run as root: give the folder to somebody else then."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            owner = pwd.getpwnam(name)
        except KeyError:
            continue
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, owner.pw_uid, owner.pw_gid)
        for parent in folder.parents:
            if parent == Path(parent.anchor) or parent == Path("/tmp"):
                break
            parent.chmod(parent.stat().st_mode | 0o711)
        return name
    raise DidNotStart("no unprivileged user to run PostgreSQL as")


@contextmanager
def running_postgres(folder: Path, *, counts_rows: bool = True) -> Iterator[str]:
    """Yield a DATABASE_URL of an empty database `chancery` whose only user may make test databases.

    Where each test's rows are rolled back, tables that are counted turn out to be empty, and a plan made for empty tables
    takes minutes over the thousand rows of the next test: without `counts_rows` the server goes by the tables' sizes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    user, port, data = _unprivileged(folder), free_port(), folder / "data"
    gid = pwd.getpwnam(user).pw_gid if user else None
    initdb = [
        program("initdb"),
        "-D",
        str(data),
        "-U",
        "chancery",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--no-sync",
        "--locale=C",
    ]
    subprocess.run(
        initdb,
        check=True,
        capture_output=True,
        user=user,
        group=gid,
        extra_groups=[] if user else None,
        cwd="/tmp",
    )
    command = [
        program("postgres"), "-D", str(data), "-p", str(port), "-c", "listen_addresses=127.0.0.1",
        "-c", f"unix_socket_directories={folder}", "-c", "fsync=off", "-c", "full_page_writes=off",
        "-c", "max_connections=200", "-c", f"autovacuum={'on' if counts_rows else 'off'}",
    ]  # fmt: skip
    with running(command, port, folder.parent / f"postgres-{port}.log", user=user):
        create = [program("createdb"), "-h", "127.0.0.1", "-p", str(port), "-U", "chancery", "chancery"]
        end = time.monotonic() + START_SECONDS
        while subprocess.run(create, check=False, capture_output=True).returncode != 0:
            if time.monotonic() > end:
                raise DidNotStart("the database could not be created")
            time.sleep(0.2)
        yield f"postgres://chancery@127.0.0.1:{port}/chancery"


@contextmanager
def running_redis(folder: Path) -> Iterator[str]:
    """Yield the REDIS_URL of an empty Redis."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = [
        program("redis-server"),
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--dir",
        str(folder),
    ]
    with running(command, port, folder / "redis.log"):
        yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def running_nginx(folder: Path, server_block: str, port: int) -> Iterator[int]:
    """Serve `server_block` (which listens on `port`) with a real Nginx."""
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    temp = " ".join(
        f"{kind}_temp_path {folder}/tmp/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{ access_log off; {temp}\n{server_block}\n}}\n"
    )
    command = [program("nginx"), "-c", str(config), "-p", str(folder), "-e", str(folder / "error.log")]
    with running(command, port, folder / "nginx.log") as pid:
        yield pid


@contextmanager
def running_apache(folder: Path, virtual_host: str, port: int) -> Iterator[int]:
    """Serve `virtual_host` (for `port`) with a real Apache."""
    folder.mkdir(parents=True, exist_ok=True)
    modules = Path("/usr/lib/apache2/modules")
    names = ["mpm_event", "authz_core", "ssl", "socache_shmcb", "headers", "rewrite", "alias", "http2"]
    loads = "\n".join(
        f"LoadModule {name}_module {modules}/mod_{name}.so"
        for name in names
        if (modules / f"mod_{name}.so").exists()
    )
    config = folder / "apache.conf"
    config.write_text(
        f"ServerRoot {folder}\nServerName localhost\nPidFile {folder}/apache.pid\nErrorLog {folder}/error.log\n"
        f"DocumentRoot {folder}\n{loads}\nListen 127.0.0.1:{port}\nUser nobody\nGroup nogroup\n{virtual_host}\n"
    )
    command = [program("apache2"), "-X", "-f", str(config)]
    with running(command, port, folder / "apache.log") as pid:
        yield pid
