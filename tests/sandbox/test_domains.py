"""What the panel keeps: records, files, and the domain each belongs to."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.hosting.domains import Domains, File, FileRefused, Redirect, domain_of
from sandbox.names import Record, RecordRefused


@pytest.mark.parametrize(
    ("name", "domain"),
    [
        ("example.com", "example.com"),
        ("_acme-challenge.www.example.com", "example.com"),
        ("a.b.example.co.uk", "example.co.uk"),
        ("com.example.de", "example.de"),
        ("_dmarc._x.example.org", "example.org"),
    ],
)
def test_a_name_is_listed_under_its_domain(name: str, domain: str) -> None:
    assert domain_of(name) == domain


def test_an_alias_stands_alone(tmp_path: Path) -> None:
    domains = Domains(tmp_path / "hosting.json")
    domains.add_record(Record.read("CNAME", "_acme-challenge.example.com", "x.auth.example.net"))
    with pytest.raises(RecordRefused, match="is a CNAME"):
        domains.add_record(Record.read("TXT", "_acme-challenge.example.com", "value"))
    domains.add_record(Record.read("TXT", "example.com", "value"))
    with pytest.raises(RecordRefused, match="other records"):
        domains.add_record(Record.read("CNAME", "example.com", "example.net"))


def test_names_are_kept_as_machines_write_them() -> None:
    assert Record.read("txt", " Bücher.Example. ", '"quoted"') == Record(
        "xn--bcher-kva.example", "TXT", "quoted"
    )


@pytest.mark.parametrize("path", ["", "a.txt", "/", "/folder/", "/../a", "/a/%2e%2e/b"])
def test_a_path_names_a_file_below_the_root(path: str) -> None:
    with pytest.raises(FileRefused):
        File.read("example.com", path, "")


def test_a_path_may_come_as_the_whole_address() -> None:
    assert File.read("example.com", "http://example.com/.well-known/x%20y?q", "").path == "/.well-known/x y"


def test_removing_a_domain_takes_all_of_it_and_nothing_else(tmp_path: Path) -> None:
    domains = Domains(tmp_path / "hosting.json")
    for name in ("a.example.com", "b.example.com", "example.net"):
        domains.add_record(Record.read("TXT", name, "x"))
        domains.add_file(File.read(name, "/x", ""))
    assert domains.remove_domain("example.com") == ["a.example.com", "b.example.com"]
    kept = Domains(tmp_path / "hosting.json")
    assert [domain.name for domain in kept.all()] == ["example.net"]
    assert kept.record_names() == ["example.net"]
    assert kept.hosts() == {"example.net"}


def test_a_redirect_takes_challenges_of_its_host_and_nothing_else(tmp_path: Path) -> None:
    domains = Domains(tmp_path / "hosting.json")
    domains.add_redirect(Redirect.read("Shop.example", "http://portal.example/dcv/label/$1"))
    kept = Domains(tmp_path / "hosting.json")
    challenge = "/.well-known/acme-challenge/token"
    assert kept.redirected("shop.example", challenge) == "http://portal.example/dcv/label/token"
    assert kept.redirected("shop.example", "/index.html") == ""
    assert kept.redirected("www.shop.example", challenge) == ""
    assert kept.remove_domain("shop.example") == []
    assert kept.redirected("shop.example", challenge) == ""


@pytest.mark.parametrize(
    "target", ["", "portal.example/dcv/", "javascript:alert(1)", "http:///dcv/", "http://x.example/?a=", "http://x.example/a b/"]
)  # fmt: skip
def test_a_redirect_leads_to_a_web_address(target: str) -> None:
    with pytest.raises(FileRefused):
        Redirect.read("shop.example", target)


def test_old_txt_values_make_room_for_new_ones(tmp_path):
    domains = Domains(tmp_path / "hosting.json")
    for number in range(6):
        domains.add_record(Record("_acme-challenge.shop.example", "TXT", f"value-{number}"))
    kept = [
        record.value
        for record in Domains(tmp_path / "hosting.json").records_at("_acme-challenge.shop.example")
    ]
    assert kept == ["value-2", "value-3", "value-4", "value-5"]
