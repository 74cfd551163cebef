"""Rotating the key-encryption key: interrupted, resumed, over destroyed keys and CA accounts, and with a wrong key."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from certificates import keys, vault
from certificates.models import CaAccount, PrivateKey
from certificates.sealing import CannotUnseal, kid_of, new_setting
from runner.installation import ROOT
from tests.conftest import NOW
from tests.factories import CaAccountFactory, UserFactory

pytestmark = pytest.mark.django_db

OLD, NEW, STRANGE = new_setting("k0"), new_setting("k1"), new_setting("k9")


class Died(BaseException):
    """The process is gone."""


@pytest.fixture
def held(settings) -> list[tuple[PrivateKey, bytes]]:
    """Seven keys under the old key-encryption key, with what is in them."""
    settings.KEY_ENCRYPTION_KEYS = OLD
    owner = UserFactory()
    rows = []
    for _number in range(7):
        key = keys.generate("ec-p256")
        rows.append((vault.keep(key, owner=owner, key_type="ec-p256", now=NOW), keys.to_der(key)))
    settings.KEY_ENCRYPTION_KEYS = f"{NEW},{OLD}"
    return rows


def rotate() -> str:
    out = io.StringIO()
    call_command("rewrap_keys", stdout=out, stderr=out)
    return out.getvalue()


def all_open(held: list[tuple[PrivateKey, bytes]]) -> bool:
    return all(vault.open_key(PrivateKey.objects.get(pk=row.pk)) == der for row, der in held)


def test_it_wraps_every_key_anew_so_that_the_old_key_encryption_key_can_go(held, settings):
    assert "7 private keys" in rotate()
    settings.KEY_ENCRYPTION_KEYS = NEW
    assert all_open(held)
    assert set(PrivateKey.objects.values_list("kid", flat=True)) == {"k1"}


def test_it_changes_nothing_when_it_runs_again(held):
    rotate()
    before = list(PrivateKey.objects.order_by("pk").values_list("sealed", "kid"))
    assert "0 private keys and 0 CA accounts" in rotate()
    assert list(PrivateKey.objects.order_by("pk").values_list("sealed", "kid")) == before


@pytest.mark.parametrize("after", range(8))
def test_it_can_die_after_any_key_and_go_on_later(held, settings, monkeypatch, after):
    wrap, done = vault.rewrap_key, []

    def dying(row: PrivateKey) -> bool:
        if len(done) == after:
            raise Died
        done.append(row.pk)
        return wrap(row)

    with monkeypatch.context() as patched, pytest.raises(Died) if after < 7 else monkeypatch.context():
        patched.setattr(vault, "rewrap_key", dying)
        rotate()
    assert PrivateKey.objects.filter(kid="k1").count() == after
    # In between everything opens, because both keys are in the setting.
    assert all_open(held)
    assert f"{7 - after} private keys" in rotate()
    settings.KEY_ENCRYPTION_KEYS = NEW
    assert all_open(held)


def test_two_at_once_wrap_each_key_once(held, monkeypatch):
    wrap = vault.rewrap_key
    first: list[bool] = []

    def overtaken(row: PrivateKey) -> bool:
        first.append(wrap(PrivateKey.objects.get(pk=row.pk)))
        return wrap(row)

    monkeypatch.setattr(vault, "rewrap_key", overtaken)
    assert "0 private keys" in rotate()
    assert first == [True] * 7
    assert all_open(held)


def test_it_goes_through_more_keys_than_fit_into_one_batch(held, settings, monkeypatch):
    monkeypatch.setattr("certificates.management.commands.rewrap_keys.BATCH", 2)
    assert "7 private keys" in rotate()
    settings.KEY_ENCRYPTION_KEYS = NEW
    assert all_open(held)


def test_a_destroyed_key_stays_destroyed(held):
    destroyed = held[0][0]
    destroyed.destroy(NOW)
    before = PrivateKey.objects.filter(pk=destroyed.pk).values().get()
    assert "6 private keys" in rotate()
    assert PrivateKey.objects.filter(pk=destroyed.pk).values().get() == before
    assert before["sealed"] is None


def test_a_key_destroyed_while_it_is_being_wrapped_does_not_come_back(held, monkeypatch):
    row = held[0][0]
    read = vault.rewrap

    def destroyed_meanwhile(*args, **kwargs) -> bytes:
        sealed = read(*args, **kwargs)
        PrivateKey.objects.get(pk=row.pk).destroy(NOW)
        return sealed

    monkeypatch.setattr(vault, "rewrap", destroyed_meanwhile)
    vault.rewrap_key(PrivateKey.objects.get(pk=row.pk))
    assert PrivateKey.objects.get(pk=row.pk).sealed is None


def test_the_secrets_of_ca_accounts_are_wrapped_too(settings):
    settings.KEY_ENCRYPTION_KEYS = OLD
    account = CaAccountFactory()
    secrets = {"sealed_key": ("account key", b"der"), "sealed_eab_hmac": ("eab hmac", b"hmac")}
    for field, (purpose, secret) in secrets.items():
        setattr(account, field, vault.seal_for_account(account, purpose, secret))
    account.save()
    bare = CaAccountFactory()
    settings.KEY_ENCRYPTION_KEYS = f"{NEW},{OLD}"
    assert "1 CA accounts" in rotate()
    settings.KEY_ENCRYPTION_KEYS = NEW
    account = CaAccount.objects.get(pk=account.pk)
    for field, (purpose, secret) in secrets.items():
        assert kid_of(bytes(getattr(account, field))) == "k1"
        assert vault.open_for_account(account, purpose, bytes(getattr(account, field))) == secret
    assert CaAccount.objects.get(pk=bare.pk).sealed_key is None


def test_a_ca_account_under_a_lost_key_does_not_keep_the_others_from_being_wrapped(held, settings):
    settings.KEY_ENCRYPTION_KEYS = STRANGE
    lost, kept = CaAccountFactory(), CaAccountFactory()
    lost.sealed_key = vault.seal_for_account(lost, "account key", b"lost")
    lost.save()
    settings.KEY_ENCRYPTION_KEYS = OLD
    kept.sealed_key = vault.seal_for_account(kept, "account key", b"kept")
    kept.save()
    settings.KEY_ENCRYPTION_KEYS = f"{NEW},{OLD}"
    with pytest.raises(CommandError, match="could not be opened"):
        rotate()
    assert kid_of(bytes(CaAccount.objects.get(pk=kept.pk).sealed_key)) == "k1"
    assert bytes(CaAccount.objects.get(pk=lost.pk).sealed_key) == bytes(lost.sealed_key)


def test_a_key_sealed_meanwhile_by_a_process_with_the_older_setting_is_not_left_behind(
    held, settings, monkeypatch
):
    wrap, late = vault.rewrap_account, []
    CaAccountFactory()

    def seal_behind_our_back(account: CaAccount) -> bool:
        if not late:
            settings.KEY_ENCRYPTION_KEYS = f"{OLD},{NEW}"
            key = keys.generate("ec-p256")
            late.append((vault.keep(key, owner=UserFactory(), key_type="ec-p256", now=NOW), keys.to_der(key)))
            settings.KEY_ENCRYPTION_KEYS = f"{NEW},{OLD}"
        return wrap(account)

    monkeypatch.setattr(vault, "rewrap_account", seal_behind_our_back)
    with pytest.raises(CommandError, match="1 keys were sealed or changed meanwhile: run this again"):
        rotate()
    assert "1 private keys" in rotate()
    settings.KEY_ENCRYPTION_KEYS = NEW
    assert all_open(held + late)


def test_an_account_key_changed_meanwhile_does_not_come_back(settings):
    settings.KEY_ENCRYPTION_KEYS = OLD
    account = CaAccountFactory()
    account.sealed_key = vault.seal_for_account(account, "account key", b"first")
    account.save()
    settings.KEY_ENCRYPTION_KEYS = f"{NEW},{OLD}"
    changed = vault.seal_for_account(account, "account key", b"second")
    CaAccount.objects.filter(pk=account.pk).update(sealed_key=changed)
    assert not vault.rewrap_account(account)
    assert bytes(CaAccount.objects.get(pk=account.pk).sealed_key) == changed


def test_with_the_wrong_key_nothing_is_written_and_everybody_is_told(held, settings):
    settings.KEY_ENCRYPTION_KEYS = f"{NEW},{STRANGE}"
    before = list(PrivateKey.objects.order_by("pk").values_list("sealed", "kid"))
    with pytest.raises(CommandError, match="7 keys could not be opened: keep the old key-encryption key"):
        rotate()
    assert list(PrivateKey.objects.order_by("pk").values_list("sealed", "kid")) == before
    with pytest.raises(CannotUnseal):
        vault.open_key(held[0][0])


@pytest.mark.parametrize("setting", ["not-a-key", "k0:c2hvcnQ=", "k0:" + "A" * 44, "k0:!!!"])
def test_an_unusable_key_encryption_key_refuses_at_the_start_and_is_not_shown(tmp_path: Path, setting: str):
    env = {
        **os.environ, "VAR_DIR": str(tmp_path), "KEY_ENCRYPTION_KEYS": setting,
        "DATABASE_URL": f"sqlite:///{tmp_path / 'portal.sqlite3'}",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "manage.py", "rewrap_keys"],
        env=env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "UnusableKeySetting" in done.stderr or "key-encryption key" in done.stderr
    assert setting.partition(":")[2] == "" or setting.partition(":")[2] not in done.stderr.splitlines()[-1]
