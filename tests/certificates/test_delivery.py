"""Which formats fit a certificate, and what each download is said to hold and holds."""

from __future__ import annotations

import io
import zipfile

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from audit.models import Entry
from certificates import vault
from certificates.contents import PARTS, parts_of
from certificates.delivery import NoSuchFormat, carries_key, deliver, exporter_for, formats_for, key_held
from certificates.exporters import EXPORTERS, Bundle, Download
from certificates.exporters.pfx import UnacceptablePassword
from certificates.models import PrivateKey
from tests.conftest import NOW
from tests.factories import certificate_for, plan_for

PFX = {"password": "k7m2x-aaaaa-bbbbb", "encryption": "modern"}


def give(certificate, slug: str, **options) -> Download:
    return deliver(certificate, slug, by=certificate.owner, now=NOW, address="203.0.113.7", **options)


@pytest.mark.parametrize(("key", "held"), [("held", True), ("destroyed", False), ("pasted", False)])
def test_only_a_held_key_opens_its_formats(alice, key, held):
    certificate = certificate_for(plan_for(alice), key=key)
    assert key_held(certificate) is held
    slugs = {exporter.slug for exporter in formats_for(certificate)}
    assert ({"pfx", "key"} <= slugs) is held
    assert {"nginx", "apache", "p7b", "cer", "fullchain", "leaf", "chain"} <= slugs
    assert any(carries_key(exporter, certificate) for exporter in formats_for(certificate)) is held


@pytest.mark.parametrize("slug", ["", "..", "nginx/../key", "Key", "pfx-compatible", "__class__"])
def test_a_format_that_is_none_is_refused(alice, slug):
    with pytest.raises(NoSuchFormat):
        exporter_for(certificate_for(plan_for(alice)), slug)


@pytest.mark.parametrize("key", ["held", "pasted"])
@pytest.mark.parametrize("slug", list(EXPORTERS))
def test_the_page_lists_exactly_the_files_that_come(alice, slug, key):
    certificate = certificate_for(plan_for(alice, "*.shop.example"), key=key)
    if EXPORTERS[slug].needs_key and key == "pasted":
        return
    download = give(certificate, slug, **(PFX if slug == "pfx" else {}))
    if download.filename.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(download.content)) as archive:
            files = {name.rpartition("/")[2] for name in archive.namelist()}
    else:
        files = {download.filename}
    parts = parts_of(certificate, slug, with_key=carries_key(EXPORTERS[slug], certificate))
    assert {part.name for part in parts} == files
    assert any(part.key for part in parts) is download.holds_key


def test_a_chain_without_intermediates_has_no_chain_file(alice):
    certificate = certificate_for(plan_for(alice))
    certificate.chain_pem = ""
    assert "shop-example-chain.crt" not in {
        part.name for part in parts_of(certificate, "apache", with_key=True)
    }


def test_every_format_has_its_list_of_files():
    assert set(PARTS) == set(EXPORTERS)


def test_the_key_that_is_given_is_the_one_that_was_sealed(alice):
    certificate = certificate_for(plan_for(alice))
    given = load_pem_private_key(give(certificate, "key").content, None)
    sealed = vault.open_key(certificate.issuance.key)
    from certificates import keys

    assert keys.to_der(given) == sealed


@pytest.mark.parametrize("options", [{"password": "short"}, {"password": "é" * 20}])
def test_an_unusable_password_gives_nothing_and_writes_nothing(alice, options):
    certificate = certificate_for(plan_for(alice))
    with pytest.raises(UnacceptablePassword):
        give(certificate, "pfx", **options)
    assert not Entry.objects.exists()


@pytest.mark.parametrize(
    ("slug", "options"), [("pfx", {}), ("pfx", PFX | {"x": "y"}), ("nginx", {"password": "x"})]
)
def test_unknown_and_missing_options_are_a_mistake_of_ours(alice, slug, options):
    with pytest.raises(TypeError):
        give(certificate_for(plan_for(alice)), slug, **options)


def test_a_key_destroyed_meanwhile_is_not_given(alice):
    certificate = certificate_for(plan_for(alice))
    PrivateKey.objects.update(sealed=None)
    certificate.issuance.key.refresh_from_db()
    with pytest.raises(vault.KeyDestroyed):
        give(certificate, "key")
    assert not Entry.objects.exists()


def test_a_format_without_the_key_never_opens_the_vault(alice):
    certificate = certificate_for(plan_for(alice))
    PrivateKey.objects.update(sealed=b"no seal at all")
    certificate.issuance.key.refresh_from_db()
    for slug in ("p7b", "cer", "fullchain", "leaf", "chain"):
        assert not give(certificate, slug).holds_key


def test_the_words_for_errors_never_hold_the_key(alice):
    certificate = certificate_for(plan_for(alice))
    der = vault.open_key(certificate.issuance.key)
    bundle = Bundle(
        slug="a", names=["shop.example"], leaf_pem=certificate.leaf_pem, chain_pem=[], key_der=der,
        not_before=certificate.not_before, not_after=certificate.not_after,
    )  # fmt: skip
    assert der.hex()[40:80] not in repr(bundle).encode().hex()
    assert repr(der)[20:60] not in repr(bundle)
    assert b"PRIVATE" not in repr(give(certificate, "key")).encode()
