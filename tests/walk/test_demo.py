"""From sign-up to a TLS client that trusts the certificate, over real HTTP, on both kinds of installation."""

from __future__ import annotations

import re
import socket
import ssl
from pathlib import Path

import pytest

from runner import demo
from runner.browserless import Customer
from runner.demo import Walk
from runner.installation import Installation
from sandbox.free_ports import free_port
from tests.servers import running_apache, running_nginx

pytestmark = [pytest.mark.town, pytest.mark.server]


@pytest.fixture(scope="module")
def walk(town: Installation, tmp_path_factory: pytest.TempPathFactory) -> Walk:
    """A customer who has walked the whole way and carries the files home."""
    home = tmp_path_factory.mktemp("home")
    walk = Walk(town, Customer(town.portal_url), home)
    for part in demo.PARTS:
        part(walk)
    return walk


def served(walk: Walk, port: int) -> dict:
    """Connect as a browser would: only Pebble's root is trusted, and the name must match."""
    context = ssl.create_default_context(cafile=walk.installation.env["SANDBOX_ROOT_CERTIFICATE"])
    raw = socket.create_connection(("127.0.0.1", port), timeout=5)
    with context.wrap_socket(raw, server_hostname=demo.NAME) as tls:
        return tls.getpeercert() or {}


def one(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    assert found, f"{pattern} is not in {[p.name for p in folder.iterdir()]}"
    return found[0]


def test_a_real_nginx_serves_the_downloaded_files(walk, tmp_path):
    folder, port = walk.home / "nginx", free_port()
    chain = next(path for path in folder.glob("*.crt"))
    key = one(folder, "*.key")
    block = (
        f"server {{ listen 127.0.0.1:{port} ssl; server_name {demo.NAME};"
        f" ssl_certificate {chain}; ssl_certificate_key {key}; return 200 ok; }}"
    )
    with running_nginx(tmp_path / "nginx", block, port):
        assert ("DNS", demo.NAME) in served(walk, port)["subjectAltName"]


def test_a_real_apache_serves_the_downloaded_files(walk, tmp_path):
    folder, port = walk.home / "apache", free_port()
    chain = next(path for path in folder.glob("*.crt") if path.read_text().count("BEGIN CERTIFICATE") > 1)
    host = (
        f"<VirtualHost 127.0.0.1:{port}>\nServerName {demo.NAME}\nSSLEngine on\n"
        f"SSLCertificateFile {chain}\nSSLCertificateKeyFile {one(folder, '*.key')}\n</VirtualHost>"
    )
    with running_apache(tmp_path / "apache", host, port):
        assert ("DNS", demo.NAME) in served(walk, port)["subjectAltName"]


def test_no_log_holds_a_key_a_token_or_a_password(walk):
    secrets = [demo.PASSWORD, (walk.home / "pfx" / "password.txt").read_text().strip()]
    secrets += [line for line in one(walk.home / "nginx", "*.key").read_text().splitlines() if len(line) > 40]
    for log in walk.installation.processes.log_dir.glob("*.log"):
        text = log.read_text(errors="replace")
        assert not any(secret in text for secret in secrets), log.name
        assert not re.search(r"BEGIN (EC |RSA )?PRIVATE KEY", text), log.name
