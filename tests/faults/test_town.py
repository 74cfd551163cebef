"""FAULTS of the town: unknown names are refused, and the portal's way to the CA leads through the proxy."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from sandbox.__main__ import main
from sandbox.ports import Ports
from sandbox.town import Town
from tests.sandbox.newcomer import Newcomer
from tests.sandbox.running import running_town

pytestmark = pytest.mark.town


def test_an_unknown_fault_is_refused_with_the_list_of_known_ones(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FAULTS", "badnonce,moonphase")
    assert main(["--var", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "'moonphase' is not known" in said
    assert "useractionrequired" in said


def test_the_faults_can_be_listed(capsys):
    assert main(["faults"]) == 0
    assert "one nonce in five is refused" in capsys.readouterr().out


def test_without_faults_the_portal_speaks_with_the_ca_itself(tmp_path):
    town = Town(Ports(), tmp_path, {})
    assert urlsplit(town.environment()["ACME_DIRECTORY_URL"]).port == Ports().acme


def test_with_faults_every_url_of_the_ca_leads_through_the_proxy(tmp_path: Path) -> None:
    with running_town(tmp_path, FAULTS="unknown-challenges") as town:
        directory = Newcomer(town).directory
        assert urlsplit(town.env["ACME_DIRECTORY_URL"]).port == town.port("faults")
        ports = {urlsplit(url).port for name, url in directory.items() if name != "meta"}
        assert ports == {town.port("faults")}
        status, output = town.stop()
    assert status == 0, output
    assert "The CA with its faults" in output
    assert "Traceback" not in output
