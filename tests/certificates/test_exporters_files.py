"""File names, archives and single files: nothing hostile gets into a name, and bytes depend on content alone."""

from __future__ import annotations

import io
import re
import stat
import subprocess
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from certificates import keys
from certificates.exporters import EXPORTERS, Bundle, KeyNotHeld, slug_for
from certificates.exporters.archives import Entry, archive
from tests.certificates import samples

EC, RSA = samples.key_of(), samples.key_of("rsa-2048")
OPTIONS = {"pfx": {"password": "k7m2x-k7m2x-k7m2x-k7m2x"}}


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("example.com", "example-com"),
        ("*.example.com", "wildcard-example-com"),
        ("xn--mnchen-3ya.de", "xn--mnchen-3ya-de"),
        ('*.example.com/../x"y', "wildcard-example-com-x-y"),
        ("../../etc/passwd", "etc-passwd"),
        ("", "certificate"),
        ("***", "certificate"),
        ("con", "certificate-con"),
        ("COM1", "certificate-com1"),
        ("--rf.com", "rf-com"),
        ("a" * 200 + ".com", "a" * 80),
        ("*." + "a." * 60 + "com", ("wildcard-" + "a-" * 60)[:80].strip("-")),
    ],
)
def test_the_slug_of_a_name(name: str, slug: str) -> None:
    assert slug_for([name, "other.com"]) == slug


def test_no_names_still_make_a_file_name() -> None:
    assert slug_for([]) == "certificate"


HOSTILE = st.one_of(st.text(max_size=300), st.from_regex(r"\A[./\\:*?\"<>|\r\n\x00a-z%$`~ -]{0,60}\Z"))


@given(HOSTILE)
@settings(max_examples=500, deadline=None)
def test_hostile_names_unpack_inside_the_folder(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    slug = slug_for([name])
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{0,90}", slug)
    assert not slug.endswith("-")
    content = archive(slug, [Entry(f"{slug}.crt", "x")], at=samples.NOW)
    target = tmp_path_factory.getbasetemp() / "unpacked"
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        assert packed.namelist() == [f"{slug}/{slug}.crt"]
        written = Path(packed.extract(packed.namelist()[0], target))
    assert written.resolve().is_relative_to(target.resolve())


@pytest.mark.parametrize(
    "name", ["../x.crt", "/x", "a/b.crt", "a:b", ".hidden", "", "x.crt\n", "x..y", "a\\b", "a b"]
)
def test_an_archive_refuses_names_that_could_leave_it(name: str) -> None:
    with pytest.raises(ValueError):
        archive("folder", [Entry(name, "x")], at=samples.NOW)
    with pytest.raises(ValueError):
        archive(name, [Entry("x.crt", "x")], at=samples.NOW)


def test_an_archive_is_the_same_every_time_and_dated_as_told() -> None:
    entries = [Entry("a.crt", "x"), Entry("a.key", "y", secret=True)]
    moment = datetime(2026, 3, 1, 1, 2, 4, tzinfo=UTC)
    first = archive("a", entries, at=moment)
    assert first == archive("a", entries, at=moment)
    [public, secret] = zipfile.ZipFile(io.BytesIO(first)).infolist()
    assert public.date_time == (2026, 3, 1, 1, 2, 4)
    assert stat.S_IMODE(public.external_attr >> 16) == 0o644
    assert stat.S_IMODE(secret.external_attr >> 16) == 0o600
    assert (
        zipfile.ZipFile(io.BytesIO(archive("a", entries, at=datetime(1970, 1, 1, tzinfo=UTC)))).testzip()
        is None
    )


def test_unzip_keeps_the_key_to_its_owner(tmp_path: Path) -> None:
    packed = tmp_path / "a.zip"
    packed.write_bytes(EXPORTERS["nginx"].export(samples.bundle(key=EC)).content)
    with zipfile.ZipFile(packed) as content:
        content.extractall(tmp_path)
        modes = {entry.filename: stat.S_IMODE(entry.external_attr >> 16) for entry in content.infolist()}
    assert modes["example-com/example-com.key"] == 0o600
    assert all(mode == 0o644 for name, mode in modes.items() if not name.endswith(".key"))


def test_every_exporter_stands_under_its_own_word() -> None:
    assert list(EXPORTERS) == ["nginx", "apache", "pfx", "p7b", "cer", "fullchain", "leaf", "chain", "key"]
    for slug, exporter in EXPORTERS.items():
        assert exporter.slug == slug
        assert str(exporter.label)
        assert str(exporter.describe).endswith(".")
        assert exporter.carries_key or not exporter.needs_key


@pytest.mark.parametrize("slug", sorted(EXPORTERS))
def test_downloads_have_safe_names_and_say_whether_they_hold_the_key(slug: str) -> None:
    exporter = EXPORTERS[slug]
    download = exporter.export(samples.bundle(["*.example.com"], key=EC), **OPTIONS.get(slug, {}))
    assert re.fullmatch(r"wildcard-example-com[a-z0-9-]*\.[a-z0-9]+", download.filename)
    assert download.content
    assert download.holds_key == exporter.carries_key
    assert "PRIVATE" not in repr(download)


@pytest.mark.parametrize("slug", sorted(EXPORTERS))
def test_without_a_key_only_what_needs_one_is_refused(slug: str) -> None:
    exporter, bundle = EXPORTERS[slug], samples.bundle(key=None, leaf_key=EC)
    if exporter.needs_key:
        with pytest.raises(KeyNotHeld):
            exporter.export(bundle, **OPTIONS.get(slug, {}))
    else:
        download = exporter.export(bundle)
        assert not download.holds_key
        assert b"PRIVATE KEY" not in download.content


@pytest.mark.parametrize("slug", [slug for slug in EXPORTERS if EXPORTERS[slug].carries_key])
def test_the_key_of_another_certificate_is_never_handed_out(slug: str) -> None:
    with pytest.raises(ValueError):
        EXPORTERS[slug].export(samples.bundle(key=RSA, leaf_key=EC), **OPTIONS.get(slug, {}))


@pytest.mark.parametrize("slug", sorted(set(EXPORTERS) - {"pfx"}))
def test_the_same_certificate_gives_the_same_bytes(slug: str) -> None:
    bundle = samples.bundle(key=EC)
    assert EXPORTERS[slug].export(bundle).content == EXPORTERS[slug].export(bundle).content
    with pytest.raises(TypeError):
        EXPORTERS[slug].export(bundle, colour="red")


def test_single_files_hold_what_their_names_say() -> None:
    bundle = samples.bundle(key=EC)
    texts = {
        slug: EXPORTERS[slug].export(bundle).content.decode()
        for slug in ("fullchain", "leaf", "chain", "key", "cer")
    }
    assert texts["fullchain"] == texts["leaf"] + texts["chain"] == bundle.leaf_pem + "".join(bundle.chain_pem)
    assert texts["cer"] == texts["leaf"]
    assert texts["key"] == keys.to_pem(EC).decode()
    assert [c.subject for c in x509.load_pem_x509_certificates(texts["fullchain"].encode())][1:] == [
        samples.hierarchy()[1].certificate.subject
    ]


def test_openssl_reads_the_p7b(tmp_path: Path) -> None:
    path = tmp_path / "x.p7b"
    path.write_bytes(EXPORTERS["p7b"].export(samples.bundle(key=EC)).content)
    done = subprocess.run(
        ["openssl", "pkcs7", "-in", path, "-print_certs", "-noout"],
        capture_output=True,
        check=True,
        text=True,
    )
    assert set(re.findall(r"subject=CN = (.+)", done.stdout)) == {
        "example.com",
        "Small Intermediate",
    }  # a SET has no order


@pytest.mark.parametrize(
    "changed",
    [
        {"slug": "../x"},
        {"slug": ""},
        {"slug": "A"},
        {"names": []},
        {"names": ["a.com; return 200"]},
        {"names": ["a.com\n"]},
        {"names": ["a"]},
        {"names": ["a.*.com"]},
    ],
)
def test_a_bundle_takes_no_hostile_name(changed: dict[str, object]) -> None:
    plain = samples.bundle(key=None)
    about: dict[str, object] = {
        "slug": plain.slug,
        "names": plain.names,
        "leaf_pem": plain.leaf_pem,
        "chain_pem": plain.chain_pem,
        "key_der": None,
        "not_before": samples.NOW,
        "not_after": samples.NOW + timedelta(days=1),
    }
    with pytest.raises(ValueError):
        Bundle(**(about | changed))  # type: ignore[arg-type]


def test_a_bundle_shows_no_key() -> None:
    bundle = samples.bundle(key=EC)
    assert "key_der" not in repr(bundle)
    assert repr(keys.to_der(EC))[2:40] not in repr(bundle)
