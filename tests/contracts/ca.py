"""Two real ACME servers on free ports for the contract tests: Pebble and acme2certifier."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sandbox.free_ports import free_port

START_SECONDS = 20.0

PEBBLE_ENVIRONMENT = {
    "PEBBLE_VA_NOSLEEP": "1",
    "PEBBLE_VA_ALWAYS_VALID": "1",
    "PEBBLE_WFE_NONCEREJECT": "20",
    "PEBBLE_AUTHZREUSE": "0",
    "PEBBLE_WFE_ORDERS_PER_PAGE": "2",
}


@dataclass(frozen=True)
class CaServer:
    """A running CA: where it is, what its TLS is signed by, and the root its certificates lead to (PEM).

    `management_url` is Pebble's second door, at which it tells what no client may ask; empty elsewhere.
    """

    name: str
    directory_url: str
    roots_pem: str
    issuing_root_pem: bytes
    process: subprocess.Popen[bytes]
    management_url: str = ""

    def status_of(self, serial: int) -> str:
        """What the CA itself thinks of a certificate: "Valid" or "Revoked", told outside ACME (Pebble only)."""
        told = _get(f"{self.management_url}/cert-status-by-serial/{serial:x}", self.roots_pem)
        return str(json.loads(told)["Status"])


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """PKCS #8 without a password: what Pebble, Nginx and our own `CaEndpoint` read."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


class TestAuthority:
    """A throw-away CA: for the servers' TLS, and as acme2certifier's issuer."""

    __test__ = False

    def __init__(self, name: str) -> None:
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        public = self._key.public_key()
        self._certificate = (
            self._builder(self._name, public)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(_key_usage(authority=True), critical=True)
            .sign(self._key, hashes.SHA256())
        )

    def _builder(self, subject: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=300))
        )

    @property
    def pem(self) -> str:
        return self._certificate.public_bytes(serialization.Encoding.PEM).decode()

    def write(self, folder: Path) -> tuple[Path, Path]:
        """The CA's own certificate and key as files."""
        return _write_pair(folder, "ca", self.pem, self._key)

    def write_server_pair(self, folder: Path) -> tuple[Path, Path]:
        """A TLS certificate for 127.0.0.1 and localhost, and its key, as files."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName("localhost")]
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        certificate = (
            self._builder(subject, key.public_key())
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(issuer, critical=False)
            .add_extension(_key_usage(authority=False), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        return _write_pair(folder, "tls", certificate.public_bytes(serialization.Encoding.PEM).decode(), key)


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _write_pair(
    folder: Path, stem: str, certificate: str, key: ec.EllipticCurvePrivateKey
) -> tuple[Path, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    certificate_path, key_path = folder / f"{stem}.pem", folder / f"{stem}.key"
    certificate_path.write_text(certificate)
    key_path.write_bytes(key_pem(key))
    return certificate_path, key_path


@contextmanager
def running_pebble(
    folder: Path,
    *,
    environment: Mapping[str, str] | None = None,
    binding_keys: Mapping[str, str] | None = None,
    blocked: Sequence[str] = (),
    dns: str = "127.0.0.1:1",
    http_port: int = 0,
) -> Iterator[CaServer]:
    """Debian's Pebble. `binding_keys` (kid to base64url HMAC key) makes external account binding required.

    It asks the server `dns` about every name, and web servers at `http_port` where others ask at 80.
    """
    authority = TestAuthority("Pebble's own TLS")
    certificate, key = authority.write_server_pair(folder)
    acme, management = free_port(), free_port()
    config = {
        "listenAddress": f"127.0.0.1:{acme}",
        "managementListenAddress": f"127.0.0.1:{management}",
        "certificate": str(certificate),
        "privateKey": str(key),
        "httpPort": http_port or free_port(),
        "tlsPort": free_port(),
        "ocspResponderURL": "",
        "externalAccountBindingRequired": bool(binding_keys),
        "externalAccountMACKeys": dict(binding_keys or {}),
        "domainBlocklist": list(blocked),
    }
    path = folder / "pebble.json"
    path.write_text(json.dumps({"pebble": config}))
    variables = os.environ | PEBBLE_ENVIRONMENT | dict(environment or {})
    command = ["pebble", "-config", str(path), "-dnsserver", dns]
    with _running(command, folder, variables) as process:
        directory = f"https://127.0.0.1:{acme}/dir"
        _wait_for(directory, authority.pem, process)
        root = _get(f"https://127.0.0.1:{management}/roots/0", authority.pem)
        yield CaServer("pebble", directory, authority.pem, root, process, f"https://127.0.0.1:{management}")


@contextmanager
def running_acme2certifier(
    folder: Path,
    *,
    profiles: Mapping[str, str] | None = None,
    binding_keys: Mapping[str, str] | None = None,
    prevalidated: Sequence[str] = (),
    dns_port: int = 0,
    by_itself: bool = False,
) -> Iterator[CaServer]:
    """acme2certifier with its own OpenSSL issuer, challenge validation switched off, behind Gunicorn's TLS.

    `binding_keys` (kid to base64url HMAC key) makes external account binding required. `prevalidated` are names whose
    authorizations are valid as soon as they are read. With `dns_port` it really looks, at the server there, and offers
    dns-persist-01; `by_itself` it looks for such a record whenever an authorization is read, and says no more than "valid".
    """
    authority, issuer = TestAuthority("acme2certifier's own TLS"), TestAuthority("acme2certifier's issuer")
    certificate, key = authority.write_server_pair(folder)
    ca_certificate, ca_key = issuer.write(folder)
    (folder / "issued").mkdir()
    config = folder / "acme_srv.cfg"
    settings = _acme2certifier_config(folder, ca_certificate, ca_key, profiles or {})
    if prevalidated or dns_port:
        # Set up like above it sends its issuer twice, which our chain check refuses.
        settings = settings.replace(f"ca_cert_chain_list: {json.dumps([str(ca_certificate)])}", "")
    if prevalidated:
        settings += f"\n[Authorization]\nprevalidated_domainlist: {json.dumps(list(prevalidated))}\n"
    if dns_port:
        settings = _looking(settings)
    if by_itself:
        settings = settings.replace("[Challenge]", "[Challenge]\ndns_persist_jit_validation: True")
    config.write_text(settings + _acme2certifier_bindings(folder, binding_keys or {}))
    port = free_port()
    variables = os.environ | {
        "ACME_SRV_CONFIGFILE": str(config),
        "ACME2CERTIFIER_BASE_DIR": str(folder),
        "ACME2CERTIFIER_I_KNOW_THE_RISK": "1",
    }
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--threads", "4"]
    command += ["--certfile", str(certificate), "--keyfile", str(key), "--no-control-socket"]
    if dns_port:
        # It can be told servers, but no port: what it asks through is told instead.
        (folder / "gunicorn.conf.py").write_text(DNS_AT_A_PORT.format(port=dns_port))
        command += ["--config", str(folder / "gunicorn.conf.py")]
    command += ["acme2certifier.share.acme2certifier_wsgi:application"]
    with _running(command, folder, variables) as process:
        directory = f"https://127.0.0.1:{port}/directory"
        _wait_for(directory, authority.pem, process)
        yield CaServer("acme2certifier", directory, authority.pem, issuer.pem.encode(), process)


DNS_AT_A_PORT = """
import dns.resolver
_reset = dns.resolver.BaseResolver.reset
def reset(self):
    _reset(self)
    self.port = {port}
dns.resolver.BaseResolver.reset = reset
"""


def _looking(settings: str) -> str:
    settings = settings.replace("[DEFAULT]", '[DEFAULT]\ndns_server_list: ["127.0.0.1"]')
    return settings.replace(
        "challenge_validation_disable: True",
        "challenge_validation_disable: False\ndns_persist_01_support: True\n"
        "dns_persist_allow_policy_wildcard: True",
    )


def _acme2certifier_config(folder: Path, certificate: Path, key: Path, profiles: Mapping[str, str]) -> str:
    return f"""
[DEFAULT]
debug: False
[Nonce]
nonce_check_disable: False
[DBhandler]
handler: wsgi
dbfile: {folder / "acme.db"}
[Certificate]
revocation_reason_check_disable: False
[Challenge]
challenge_validation_disable: True
[Order]
tnauthlist_support: False
profiles: {json.dumps(dict(profiles))}
[Directory]
tos_url: https://ca.example/terms
caaidentities: ["ca.example"]
[CAhandler]
handler_module: acme2certifier.cahandlers.openssl_ca_handler
issuing_ca_key: {key}
issuing_ca_cert: {certificate}
issuing_ca_crl: {folder / "crl.pem"}
cert_validity_days: 30
cert_save_path: {folder / "issued"}
ca_cert_chain_list: {json.dumps([str(certificate)])}
"""


def _acme2certifier_bindings(folder: Path, binding_keys: Mapping[str, str]) -> str:
    if not binding_keys:
        return ""
    (folder / "eab.json").write_text(json.dumps(dict(binding_keys)))
    return f"""
[EABhandler]
eab_handler_module: acme2certifier.eabhandlers.json_handler
key_file: {folder / "eab.json"}
"""


@contextmanager
def _running(
    command: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "output.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)


def _get(url: str, roots_pem: str) -> bytes:
    context = ssl.create_default_context(cadata=roots_pem)
    with urllib.request.urlopen(url, timeout=2, context=context) as answer:
        return bytes(answer.read())


def _wait_for(url: str, roots_pem: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        try:
            _get(url, roots_pem)
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"nothing answers at {url}")
