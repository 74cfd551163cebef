"""The guides: all there, all complete, and their openssl commands run."""

from __future__ import annotations

import html
import re
import subprocess

import pytest

from portal.guides import BY_SLUG, GUIDES, grouped

TASKS = [guide.slug for guide in GUIDES if guide.slug != "keys"]


def blocks(client, slug: str) -> list[str]:
    """Every copyable block of a guide, as it would be copied."""
    page = client.get(f"/guides/{slug}/").content.decode()
    return [
        html.unescape(text)
        for text in re.findall(r"<pre[^>]*data-copy-text[^>]*>(.*?)</pre>", page, re.DOTALL)
    ]


def block_with(client, slug: str, part: str) -> str:
    return next(text for text in blocks(client, slug) if part in text)


def shell(script: str, folder) -> str:
    done = subprocess.run(["sh", "-ec", script], cwd=folder, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_index_lists_every_guide_once(client, db):
    page = client.get("/guides/").content.decode()
    for guide in GUIDES:
        assert page.count(f'href="/guides/{guide.slug}/"') >= 1
        assert str(guide.title) in html.unescape(page)
    assert sum(len(guides) for _heading, guides in grouped()) == len(GUIDES) == len(BY_SLUG)


@pytest.mark.parametrize("slug", TASKS)
def test_a_guide_says_what_is_needed_what_to_see_and_what_goes_wrong(client, db, slug):
    page = client.get(f"/guides/{slug}/").content.decode()
    assert page.count("<h1") == 1
    for part in ("What you need", "What you should see", "What goes wrong", "Cause", "Repair"):
        assert part in page
    assert '<ol class="steps">' in page


def test_the_page_about_keys_says_who_holds_them(client, db):
    page = client.get("/guides/keys/").content.decode()
    assert "you alone; we never see it" in page
    assert "destroyed" in page


@pytest.mark.parametrize("slug", ["", "nope", "../home", "base", "index"])
def test_a_guide_that_is_not_in_the_list_does_not_exist(client, db, slug):
    if slug:
        assert client.get(f"/guides/{slug}/").status_code == 404


def test_the_email_method_is_not_called_the_proof(client, db):
    page = client.get("/guides/approve/").content.decode()
    assert "It is not the CA’s proof" in page
    assert "15 March 2028" in page


def test_commands_are_shown_as_they_must_be_typed(client, db):
    config = block_with(client, "approve", "mimeMap")
    assert '<mimeMap fileExtension="." mimeType="text/plain" />' in config
    assert '_continue_ = "dns=www.example.com&"' in block_with(client, "csr-windows", "NewRequest")


@pytest.mark.parametrize(
    "part", ["-newkey rsa:2048 -nodes \\\n  -keyout", "ec_paramgen_curve", "request.cnf"]
)
def test_the_linux_commands_make_a_csr_with_both_names(client, db, tmp_path, part):
    shell(block_with(client, "csr-linux", part), tmp_path)
    read = shell(block_with(client, "csr-linux", "-noout -verify -text"), tmp_path)
    assert "DNS:example.com, DNS:www.example.com" in read
    assert (tmp_path / "example.com.key").read_text().startswith("-----BEGIN PRIVATE KEY-----")


@pytest.mark.parametrize("slug", ["install-nginx", "install-apache"])
def test_the_command_that_compares_key_and_certificate_tells_right_from_wrong(client, db, tmp_path, slug):
    compare = block_with(client, slug, "openssl pkey").replace("sudo ", "")
    compare = re.sub(r"/etc/\S+/example-com\.(crt|key)", r"example-com.\1", compare)
    make = "openssl req -x509 -newkey rsa:2048 -nodes -keyout {0}.key -out {0}.crt -subj /CN=example.com -days 2 2>/dev/null"
    shell(make.format("example-com"), tmp_path)
    same = shell(compare, tmp_path).split("\n")
    assert same[0] == same[1] != ""
    shell("openssl genrsa -out example-com.key 2048", tmp_path)
    other = shell(compare, tmp_path).split("\n")
    assert other[0] != other[1]
