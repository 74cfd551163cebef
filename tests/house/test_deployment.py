"""docker-compose.yml and the images: every command exists, every variable is read, production refuses what is unsafe."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from sandbox.zone import KEY_SECRET

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
OURS = [name for name, service in COMPOSE["services"].items() if service.get("build") == "."]

SAFE = {
    "PORTAL_ENV": "production",
    "PORTAL_URL": "https://ssl.example.com",
    "ALLOWED_HOSTS": "ssl.example.com",
    "SECRET_KEY": secrets.token_urlsafe(64),
    "KEY_ENCRYPTION_KEYS": "k1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
    "DATABASE_URL": "postgres://chancery:pw@database:5432/chancery",
    "REDIS_URL": "redis://:pw@redis:6379/0",
    "STRIPE_SECRET_KEY": "sk_live_example",
    "STRIPE_WEBHOOK_SECRET": "whsec_example",
    "ACME_DIRECTORY_URL": "",
}
UNSAFE = {
    "DEBUG": "1",
    "PORTAL_URL": "http://ssl.example.com",
    "ALLOWED_HOSTS": "*",
    "SECRET_KEY": "short",
    "STRIPE_SECRET_KEY": "sk_test_sandbox",
    "STRIPE_WEBHOOK_SECRET": "whsec_sandbox",
    "DELEGATION_TSIG_SECRET": KEY_SECRET,
    "VALIDATION_ALLOWED_NETWORKS": "10.0.0.0/8",
    "VALIDATION_RESERVED_NAMES": "1",
    "VALIDATION_HTTP_PORT": "8080",
    "STAFF_SECOND_FACTOR_REQUIRED": "0",
    "DATABASE_URL": "sqlite:////tmp/portal.sqlite3",
    "REDIS_URL": "redis://redis:6379/0",
}
MISSING = ["SECRET_KEY", "KEY_ENCRYPTION_KEYS", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "REDIS_URL"]


def start(tmp_path: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "VAR_DIR": str(tmp_path), **SAFE, **changes}
    code = "import portal.wsgi"
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )


def test_a_safe_production_setting_starts(tmp_path):
    done = start(tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", UNSAFE)
def test_production_refuses_an_unsafe_setting(tmp_path, name):
    done = start(tmp_path, **{name: UNSAFE[name]})
    assert done.returncode != 0
    assert name in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("name", MISSING)
def test_production_refuses_to_start_without(tmp_path, name):
    done = start(tmp_path, **{name: ""})
    assert done.returncode != 0
    assert name in done.stderr.splitlines()[-1]


def test_djangos_own_deployment_check_is_silent(tmp_path):
    env = {"PATH": os.environ["PATH"], "VAR_DIR": str(tmp_path), **SAFE}
    words = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    done = subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", OURS)
def test_every_services_command_exists(name):
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    command = COMPOSE["services"][name]["command"]
    if command[0] == "python":
        assert (ROOT / command[1]).exists()
        listed = subprocess.run(
            [sys.executable, "manage.py", "help", "--commands"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        assert command[2] in listed.stdout.split()
    else:
        program = Path(sys.executable).parent / command[0]
        assert program.exists()
        help_text = subprocess.run(
            [program, *_subcommand(command), "--help"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        for option in (word for word in command if word.startswith("--")):
            assert option in help_text.stdout, option
    assert "USER chancery" in dockerfile


def _subcommand(command: list[str]) -> list[str]:
    return [command[3]] if command[0] == "celery" else []


def test_every_variable_a_service_sets_is_read():
    settings = (ROOT / "portal/settings.py").read_text(encoding="utf-8")
    names = {name for service in OURS for name in COMPOSE["services"][service].get("environment", {})}
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    names |= set(re.findall(r"^([A-Z_]+)=", example, re.M)) - {"POSTGRES_PASSWORD", "REDIS_PASSWORD"}
    assert names
    assert sorted(name for name in names if f'"{name}"' not in settings) == []


def test_every_directory_the_image_copies_exists_and_none_is_forgotten():
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    copied = set(re.findall(r"^COPY (?!--)(\S+) ", dockerfile, re.M))
    assert all((ROOT / name).exists() for name in copied)
    rooms = {
        "portal",
        "accounts",
        "audit",
        "orders",
        "certificates",
        "validation",
        "identifiers",
        "leases",
        "outbound",
    }
    assert rooms <= copied
    assert not {"sandbox", "runner", "tests"} & copied


def test_the_compose_file_has_the_services_that_production_needs():
    assert {"web", "worker", "beat", "database", "redis", "nginx"} <= set(COMPOSE["services"])
    assert COMPOSE["services"]["sandbox"]["profiles"] == ["sandbox"]
    for name, service in COMPOSE["services"].items():
        assert "privileged" not in service, name
        assert service.get("image", "x:1").count(":") == 1, f"{name}: pin the image"
