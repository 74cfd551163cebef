"""PFX files opened by OpenSSL, in both encryptions, and the passwords made for them."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12

from certificates import keys
from certificates.exporters import EXPORTERS, new_password
from certificates.exporters.passwords import ALPHABET
from certificates.exporters.pfx import ENCRYPTIONS, UnacceptablePassword
from tests.certificates import samples

PFX = EXPORTERS["pfx"]


def opened(content: bytes, password: str, folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    path = folder / "x.pfx"
    path.write_bytes(content)
    command = ["openssl", "pkcs12", "-in", str(path), "-passin", "stdin", *more]
    return subprocess.run(command, input=password + "\n", capture_output=True, text=True)


@pytest.mark.parametrize("key_type", ["rsa-2048", "ec-p256", "ec-p384"])
@pytest.mark.parametrize(
    ("encryption", "seen"),
    [
        ("modern", ["MAC: sha256", "PBES2, PBKDF2, AES-256-CBC, Iteration 100000, PRF hmacWithSHA256"]),
        ("compatible", ["MAC: sha1", "pbeWithSHA1And3-KeyTripleDES-CBC, Iteration 100000"]),
    ],
)
def test_openssl_opens_it_and_sees_the_encryption(
    tmp_path: Path, key_type: str, encryption: str, seen: list[str]
) -> None:
    password, key = new_password(), samples.key_of(key_type)
    download = PFX.export(
        samples.bundle(["*.example.com", "example.com"], key=key), password=password, encryption=encryption
    )
    assert (download.filename, download.content_type, download.holds_key) == (
        "wildcard-example-com.pfx",
        "application/x-pkcs12",
        True,
    )
    about = opened(download.content, password, tmp_path, "-info", "-nodes")
    assert about.returncode == 0, about.stderr
    assert all(words in about.stderr for words in seen)
    assert re.search(r"friendlyName: \*\.example\.com", about.stdout)
    assert re.findall(r"subject=CN = (.+)", about.stdout) == ["*.example.com", "Small Intermediate"]
    loaded = pkcs12.load_key_and_certificates(download.content, password.encode())
    assert loaded[0] is not None
    assert keys.spki_sha256(loaded[0].public_key()) == keys.spki_sha256(key.public_key())


@pytest.mark.parametrize("encryption", sorted(ENCRYPTIONS))
def test_another_password_does_not_open_it(tmp_path: Path, encryption: str) -> None:
    content = PFX.export(
        samples.bundle(key=samples.key_of()), password=new_password(), encryption=encryption
    ).content
    for wrong in (new_password(), ""):
        assert opened(content, wrong, tmp_path, "-nodes").returncode != 0


def test_nothing_lies_open_in_it() -> None:
    bundle = samples.bundle(key=samples.key_of())
    assert bundle.key_der is not None
    for encryption in ENCRYPTIONS:
        content = PFX.export(bundle, password=new_password(), encryption=encryption).content
        assert bundle.key_der[-30:] not in content
        assert b"example.com" not in content


def test_modern_is_what_one_gets_unasked(tmp_path: Path) -> None:
    password = new_password()
    content = PFX.export(samples.bundle(key=samples.key_of()), password=password).content
    assert "AES-256-CBC" in opened(content, password, tmp_path, "-info", "-noout").stderr


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"encryption": "modern"},
        {"password": "k7m2x-k7m2x-k7m2x", "encryption": "none"},
        {"password": "k7m2x-k7m2x-k7m2x", "colour": "red"},
    ],
)
def test_a_missing_or_unknown_option_is_refused(options: dict[str, str]) -> None:
    with pytest.raises(TypeError):
        PFX.export(samples.bundle(key=samples.key_of()), **options)


@pytest.mark.parametrize(
    "password",
    [
        "",
        "short",
        "x" * 65,
        "pässwörtchen-lang",
        "tab\tin-the-middle",
        "nul\x00in-the-middle",
        "пароль-пароль",
    ],
)
def test_a_password_that_dialogs_disagree_about_is_refused(password: str) -> None:
    with pytest.raises(UnacceptablePassword) as refused:
        PFX.export(samples.bundle(key=samples.key_of()), password=password)
    assert not password or password not in str(refused.value)


def test_passwords_are_long_random_and_easy_to_type() -> None:
    made = {new_password() for _ in range(200)}
    assert len(made) == 200
    assert not set(ALPHABET) & set("il1o0IO")
    assert len(set(ALPHABET)) == len(ALPHABET) == 31
    for password in made:
        assert re.fullmatch(rf"([{ALPHABET}]{{5}}-){{5}}[{ALPHABET}]{{5}}", password)
    assert len(ALPHABET) ** 30 > 2**128


def test_it_costs_little() -> None:
    bundle = samples.bundle(key=samples.key_of("rsa-2048"))
    costs = []
    for _ in range(5):
        started = time.perf_counter()
        PFX.export(bundle, password="k7m2x-k7m2x-k7m2x")
        costs.append(time.perf_counter() - started)
    assert min(costs) < 1
