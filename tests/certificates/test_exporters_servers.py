"""What the Nginx and Apache archives hold, read by the real servers and served to a TLS client."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from certificates import keys
from certificates.exporters import EXPORTERS, Bundle
from certificates.exporters.tls import CIPHERS
from sandbox.free_ports import free_port
from tests.certificates import samples

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
APACHE = shutil.which("apache2") or "/usr/sbin/apache2"
MODULES = Path("/usr/lib/apache2/modules")
REAL_NOW = datetime.now(UTC).replace(microsecond=0)

HUNDRED = [f"shop-{n}.some-rather-long-name-{n}.example.com" for n in range(100)]
LONGEST = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 49, "example.com"])
NAMES = {
    "one": ["example.com"],
    "two": ["example.com", "www.example.com"],
    "wildcard": ["*.example.com"],
    "wildcard and base": ["*.example.com", "example.com"],
    "idn": ["xn--mnchen-3ya.de"],
    "hundred": HUNDRED,
    "46 characters": ["a" * 34 + ".example.com"],
    "62 characters": ["a" * 50 + ".example.com"],
    "longest": [LONGEST],
}


def unpacked(server: str, bundle: Bundle, folder: Path) -> Path:
    with zipfile.ZipFile(io.BytesIO(EXPORTERS[server].export(bundle).content)) as packed:
        packed.extractall(folder)
    return folder / bundle.slug


def put_key(bundle: Bundle, folder: Path, key: keys.PrivateKey) -> None:
    """What a customer with an own CSR does by hand."""
    (folder / f"{bundle.slug}.key").write_bytes(keys.to_pem(key))


# --- contents -------------------------------------------------------------------------------------------------


def names_of(server: str, bundle: Bundle) -> list[str]:
    return zipfile.ZipFile(io.BytesIO(EXPORTERS[server].export(bundle).content)).namelist()


def test_the_archives_hold_flat_files_in_one_folder() -> None:
    with_key, without = samples.bundle(key=samples.key_of()), samples.bundle(key=None)
    folder = "example-com"
    nginx = [
        f"{folder}/{name}" for name in ("example-com.crt", "example-com.key", "nginx.conf", "README.txt")
    ]
    assert names_of("nginx", with_key) == nginx
    assert names_of("nginx", without) == [name for name in nginx if not name.endswith(".key")]
    apache = [
        f"{folder}/{name}"
        for name in (
            "example-com.crt",
            "example-com-leaf.crt",
            "example-com-chain.crt",
            "example-com.key",
            "apache.conf",
            "README.txt",
        )
    ]
    assert names_of("apache", with_key) == apache
    assert names_of("apache", without) == [name for name in apache if not name.endswith(".key")]


@pytest.mark.parametrize("server", ["nginx", "apache"])
def test_the_full_chain_begins_with_the_leaf(tmp_path: Path, server: str) -> None:
    bundle = samples.bundle(key=samples.key_of())
    folder = unpacked(server, bundle, tmp_path)
    assert (folder / "example-com.crt").read_text() == bundle.leaf_pem + bundle.chain_pem[0]
    if server == "apache":
        assert (folder / "example-com-leaf.crt").read_text() == bundle.leaf_pem
        assert (folder / "example-com-chain.crt").read_text() == bundle.chain_pem[0]


@pytest.mark.parametrize("server", ["nginx", "apache"])
def test_the_steps_tell_where_the_key_is(tmp_path: Path, server: str) -> None:
    with_key = (
        unpacked(server, samples.bundle(key=samples.key_of()), tmp_path / "a") / "README.txt"
    ).read_text()
    without = (unpacked(server, samples.bundle(key=None), tmp_path / "b") / "README.txt").read_text()
    assert "chmod 600" in with_key
    assert "is not in this archive" in without
    assert "example.com, www.example.com" in with_key
    assert "2027-02-21" in with_key


@pytest.mark.parametrize("server", ["nginx", "apache"])
def test_stapling_is_only_spoken_of_where_the_ca_runs_ocsp(tmp_path: Path, server: str) -> None:
    without = (
        unpacked(server, samples.bundle(key=samples.key_of()), tmp_path / "a") / f"{server}.conf"
    ).read_text()
    responder = samples.bundle(key=samples.key_of(), ocsp="http://127.0.0.1:9/")
    with_ocsp = (unpacked(server, responder, tmp_path / "b") / f"{server}.conf").read_text()
    assert "stapling" not in without.lower()
    assert "stapling" in with_ocsp.lower()


def test_only_modern_ciphers_are_offered() -> None:
    assert all(
        cipher.startswith("ECDHE-") and ("GCM" in cipher or "POLY1305" in cipher)
        for cipher in CIPHERS.split(":")
    )


# --- Nginx ----------------------------------------------------------------------------------------------------


def nginx_prefix(bundle: Bundle, prefix: Path, *, key: keys.PrivateKey | None = None) -> tuple[Path, int]:
    """The archive as the README says, below a prefix of its own and on free ports."""
    folder = unpacked("nginx", bundle, prefix)
    if key:
        put_key(bundle, folder, key)
    site, tls_port = prefix / "site", free_port()
    site.mkdir()
    (site / "index.html").write_text("the site")
    text = (folder / "nginx.conf").read_text()
    text = text.replace("/etc/nginx/ssl/", f"{prefix}/").replace("/var/www/html", str(site))
    text = re.sub(r"listen \[::\]:\d+.*;", "", text)
    text = text.replace("listen 80;", f"listen 127.0.0.1:{free_port()};").replace(
        "listen 443 ", f"listen 127.0.0.1:{tls_port} "
    )
    paths = "".join(
        f"{kind}_temp_path {prefix}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole = f"daemon off;\nmaster_process off;\npid {prefix}/pid;\nerror_log {prefix}/error.log;\nevents {{}}\nhttp {{\naccess_log off;\n{paths}{text}\n}}\n"
    (prefix / "whole.conf").write_text(whole)
    return prefix / "whole.conf", tls_port


def nginx_test(configuration: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [NGINX, "-t", "-p", configuration.parent, "-c", configuration], capture_output=True, text=True
    )


@pytest.mark.server
@pytest.mark.parametrize("kind", sorted(NAMES))
def test_nginx_accepts_the_configuration(tmp_path: Path, kind: str) -> None:
    configuration, _port = nginx_prefix(samples.bundle(NAMES[kind], key=samples.key_of()), tmp_path)
    done = nginx_test(configuration)
    assert done.returncode == 0, done.stderr
    assert "[warn]" not in done.stderr
    assert "[emerg]" not in done.stderr


@pytest.mark.server
def test_nginx_accepts_stapling_and_a_key_put_there_by_hand(tmp_path: Path) -> None:
    key = samples.key_of("rsa-2048")
    bundle = samples.bundle(key=None, leaf_key=key, ocsp="http://127.0.0.1:9/")
    configuration, _port = nginx_prefix(bundle, tmp_path, key=key)
    done = nginx_test(configuration)
    assert done.returncode == 0, done.stderr


@pytest.mark.server
def test_nginx_serves_it(tmp_path: Path) -> None:
    configuration, port = nginx_prefix(samples.bundle(key=samples.key_of(), now=REAL_NOW), tmp_path)
    with running([NGINX, "-p", str(tmp_path), "-c", str(configuration)], port):
        assert served(port) == ("the site", "TLSv1.3", "h2")


# --- Apache ---------------------------------------------------------------------------------------------------


def apache_prefix(bundle: Bundle, prefix: Path, *, old: bool = False) -> tuple[Path, int]:
    """The archive as the README says; `old` takes the two lines for Apache before 2.4.8."""
    folder = unpacked("apache", bundle, prefix)
    site, tls_port, plain_port = prefix / "site", free_port(), free_port()
    site.mkdir()
    (site / "index.html").write_text("the site")
    text = (folder / "apache.conf").read_text()
    if old:
        text = re.sub(r"^    SSLCertificateFile .*$", "", text, flags=re.MULTILINE)
        text = text.replace("# SSLCertificate", "SSLCertificate")
    text = text.replace("/etc/apache2/ssl/", f"{prefix}/").replace("/var/www/html", str(site))
    text = text.replace("*:80>", f"*:{plain_port}>").replace("*:443>", f"*:{tls_port}>")
    modules = ("mpm_event", "authz_core", "ssl", "rewrite", "socache_shmcb", "dir", "http2")
    loads = "".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so\n" for name in modules)
    whole = (
        f"ServerRoot {prefix}\nServerName localhost\nPidFile {prefix}/pid\nErrorLog {prefix}/error.log\nDefaultRuntimeDir {prefix}\n"
        f"{loads}Listen 127.0.0.1:{plain_port}\nListen 127.0.0.1:{tls_port}\nDirectoryIndex index.html\n{text}\n"
    )
    if os.getuid() == 0:
        whole = f"User www-data\nGroup www-data\n{whole}"
    (prefix / "whole.conf").write_text(whole)
    return prefix / "whole.conf", tls_port


def apache_test(configuration: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([APACHE, "-t", "-f", configuration], capture_output=True, text=True)


@pytest.mark.server
@pytest.mark.parametrize("kind", sorted(NAMES))
def test_apache_accepts_the_configuration(tmp_path: Path, kind: str) -> None:
    configuration, _port = apache_prefix(
        samples.bundle(NAMES[kind], key=samples.key_of(), ocsp="http://127.0.0.1:9/"), tmp_path
    )
    done = apache_test(configuration)
    assert done.returncode == 0, done.stderr
    assert "Syntax OK" in done.stderr


@pytest.mark.server
def test_apache_accepts_the_pair_for_old_versions(tmp_path: Path) -> None:
    configuration, _port = apache_prefix(samples.bundle(key=samples.key_of()), tmp_path, old=True)
    assert "SSLCertificateChainFile" in configuration.read_text()
    assert apache_test(configuration).returncode == 0


@pytest.mark.server
@pytest.mark.parametrize("old", [False, True])
def test_apache_serves_it(tmp_path: Path, old: bool) -> None:
    # pytest's directory is closed to others; Apache's children are others.
    for folder in (tmp_path, *(parent for parent in tmp_path.parents if "pytest-" in str(parent))):
        folder.chmod(0o755)
    configuration, port = apache_prefix(
        samples.bundle(key=samples.key_of("rsa-2048"), now=REAL_NOW), tmp_path, old=old
    )
    with running([APACHE, "-X", "-f", str(configuration)], port):
        assert served(port) == ("the site", "TLSv1.3", "h2")


# --- a server and a client ------------------------------------------------------------------------------------


@contextlib.contextmanager
def running(command: list[str], port: int) -> Iterator[None]:
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise AssertionError((process.stdout.read() if process.stdout else b"").decode())
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.05)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def served(port: int) -> tuple[str, str | None, str | None]:
    """(page, TLS version, protocol chosen) for a client that trusts the little root alone and wants the right name."""
    context = ssl.create_default_context(cadata=samples.hierarchy()[0].pem)
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="www.example.com") as client,
    ):
        client.sendall(b"GET / HTTP/1.1\r\nHost: www.example.com\r\nConnection: close\r\n\r\n")
        answer = b""
        while piece := client.recv(65536):
            answer += piece
        version = client.version()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="example.com") as client,
    ):
        chosen = client.selected_alpn_protocol()
    return answer.decode().partition("\r\n\r\n")[2], version, chosen
