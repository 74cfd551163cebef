"""The whole pretend world, running: what a portal and a person in it can rely on."""

from __future__ import annotations

import io
import os
import signal
import smtplib
import socket
import ssl
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import dns.message
import dns.query
import httpx
import pytest
from cryptography import x509

from tests.sandbox.newcomer import Newcomer
from tests.sandbox.running import RunningTown, launch, running_town
from tests.sandbox.till import wait_until

pytestmark = pytest.mark.town


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTown]:
    with running_town(tmp_path_factory.mktemp("town")) as running:
        yield running


def ask(town: RunningTown, name: str, kind: str) -> list[str]:
    """What the town's DNS says, each record's value."""
    query = dns.message.make_query(name, kind)
    answer = dns.query.udp(query, "127.0.0.1", port=town.port("dns"), timeout=3)
    return sorted(str(item) for rrset in answer.answer for item in rrset)


def visit(town: RunningTown, host: str, path: str = "/") -> httpx.Response:
    return httpx.get(f"http://127.0.0.1:{town.port('http')}{path}", headers={"Host": host})


def served(town: RunningTown, host: str, root: str | None = None) -> x509.Certificate:
    """The certificate a TLS visitor of `host` gets; with `root`, verified."""
    context = ssl.create_default_context(cafile=root)
    if root is None:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", town.port("tls")), 5) as plain,
        context.wrap_socket(plain, server_hostname=host) as secure,
    ):
        return x509.load_der_x509_certificate(secure.getpeercert(binary_form=True) or b"")


def children(town: RunningTown) -> dict[str, int]:
    """The town's own programs by name."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")
            except OSError:
                continue
            if int(fields[2].split()[1]) == int(town.env["SANDBOX_PID"]):
                found[fields[0].partition("(")[2]] = int(entry.name)
    return found


def test_everything_is_up_and_the_panel_says_so(town: RunningTown) -> None:
    health = httpx.get(f"{town.panel}/health")
    assert health.status_code == 200
    assert health.json() == {
        "ok": True,
        "parts": dict.fromkeys(("acme", "dns", "cards", "mailbox", "smtp", "http", "tls"), True),
    }


@pytest.mark.parametrize("part", ["HOSTING_PANEL_URL", "STRIPE_API_BASE", "MAILBOX_URL"])
def test_every_page_says_that_it_is_a_sandbox_and_runs_no_script(town: RunningTown, part: str) -> None:
    page = httpx.get(town.env[part])
    assert page.status_code == 200
    assert "<strong>Sandbox.</strong>" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "<script" not in page.text
    assert "style=" not in page.text


def test_a_certificate_is_issued_by_http_and_installed_and_verified_by_visitors(town: RunningTown) -> None:
    chain, key = Newcomer(town).obtain(["http.example.com", "www.http.example.com"], "http-01")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as files:
        files.writestr("chain.pem", chain[chain.index("-----END") + 25 :])
        files.writestr("nginx/fullchain.pem", chain)
        files.writestr("nginx/private.key", key)
        files.writestr("README.txt", "how to install")
    answer = httpx.post(f"{town.panel}/api/certificates", files={"zip": ("nginx.zip", archive.getvalue())})
    assert answer.status_code == 201
    assert [item["host"] for item in answer.json()["certificates"]] == [
        "http.example.com",
        "www.http.example.com",
    ]
    root = town.env["SANDBOX_ROOT_CERTIFICATE"]
    got = served(town, "www.http.example.com", root)
    assert got == x509.load_pem_x509_certificate(chain.encode())
    assert 80 < (got.not_valid_after_utc - datetime.now(UTC)).days < 91


def test_a_wildcard_and_its_domain_are_proven_by_two_values_at_one_name(town: RunningTown) -> None:
    chain, key = Newcomer(town).obtain(["dns.example.com", "*.dns.example.com"], "dns-01")
    assert len(ask(town, "_acme-challenge.dns.example.com", "TXT")) == 2
    body = {"chain": chain, "key": key}
    assert httpx.post(f"{town.panel}/api/certificates", json=body).status_code == 201
    served(town, "shop.dns.example.com", town.env["SANDBOX_ROOT_CERTIFICATE"])


def test_a_host_nobody_installed_for_gets_a_self_signed_certificate(town: RunningTown) -> None:
    default = served(town, "nowhere.example.net")
    assert default.issuer == default.subject
    assert default.subject.rfc4514_string() == "CN=nowhere.example.net"


def test_a_record_is_live_when_published_and_gone_when_removed(town: RunningTown) -> None:
    records = f"{town.panel}/api/records"
    both = [
        {"type": "TXT", "name": "_acme-challenge.Two.example.com.", "value": value}
        for value in ("one", "two")
    ]
    for record in [*both, both[0]]:
        assert httpx.post(records, json=record).status_code == 201
    assert ask(town, "_acme-challenge.two.example.com", "TXT") == ['"one"', '"two"']
    assert httpx.request("DELETE", records, json=both[0]).status_code == 204
    assert ask(town, "_acme-challenge.two.example.com", "TXT") == ['"two"']
    assert httpx.request("DELETE", records, json=both[0]).status_code == 404


def test_addresses_aliases_and_caa_are_answered(town: RunningTown) -> None:
    for kind, name, value in (
        ("A", "a.rr.example.com", "127.0.0.9"),
        ("AAAA", "a.rr.example.com", "::1"),
        ("CAA", "a.rr.example.com", 'issue "ca.example"'),
        ("CNAME", "c.rr.example.com", "a.rr.example.com"),
        ("TXT", "t.rr.example.com", 'back\\slash and "quotes"'),
    ):
        body = {"type": kind, "name": name, "value": value}
        assert httpx.post(f"{town.panel}/api/records", json=body).status_code == 201
    assert ask(town, "a.rr.example.com", "A") == ["127.0.0.9"]
    assert ask(town, "a.rr.example.com", "AAAA") == ["::1"]
    assert ask(town, "a.rr.example.com", "CAA") == ['0 issue "ca.example"']
    assert ask(town, "c.rr.example.com", "CNAME") == ["a.rr.example.com."]
    assert ask(town, "t.rr.example.com", "TXT") == ['"back\\\\slash and \\"quotes\\""']
    assert ask(town, "other.rr.example.com", "A") == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"type": "MX", "name": "a.example.com", "value": "x"}, "MX"),
        ({"type": "TXT", "name": "com", "value": "x"}, "full domain name"),
        ({"type": "TXT", "name": "a b.example.com", "value": "x"}, "full domain name"),
        ({"type": "TXT", "name": "a.example.com", "value": "x" * 256}, "255"),
        ({"type": "TXT", "name": "a.example.com", "value": "x\ny"}, "one line"),
        ({"type": "A", "name": "a.example.com", "value": "::1"}, "IPv4"),
        ({"type": "CAA", "name": "a.example.com", "value": '128 issue "x"'}, "flags"),
        ({"type": "TXT", "name": "a.example.com"}, "'value'"),
        ({"type": "TXT", "name": 5, "value": "x"}, "'name'"),
    ],
)
def test_a_record_that_cannot_be_is_refused_in_one_sentence(
    town: RunningTown, body: dict[str, str], says: str
) -> None:
    answer = httpx.post(f"{town.panel}/api/records", json=body)
    assert answer.status_code == 400
    assert says in answer.json()["error"]


def test_files_belong_to_one_host(town: RunningTown) -> None:
    file = {"host": "files.example.com", "path": "/.well-known/acme-challenge/abc", "content": "abc.def"}
    assert httpx.post(f"{town.panel}/api/files", json=file).status_code == 201
    assert visit(town, "FILES.example.com:80", file["path"]).text == "abc.def"
    assert visit(town, "www.files.example.com", file["path"]).status_code == 404
    assert visit(town, "files.example.com", "/other").status_code == 404
    assert "hosted in the sandbox" in visit(town, "files.example.com").text
    assert "knows nothing about this host" in visit(town, "stranger.example.net").text
    assert httpx.request("DELETE", f"{town.panel}/api/files", json=file).status_code == 204
    assert visit(town, "files.example.com", file["path"]).status_code == 404


def test_a_redirect_of_challenges_is_published_shown_and_taken_away(town: RunningTown) -> None:
    filled = {"type": "redirect", "host": "away.example.com", "target": "http://elsewhere.example/dcv/x/"}
    form = httpx.get(f"{town.panel}/publish", params=filled)
    assert 'value="away.example.com"' in form.text
    done = httpx.post(f"{town.panel}/publish", data=filled, follow_redirects=True)
    assert "now sends challenges on" in done.text
    sent = visit(town, "away.example.com", "/.well-known/acme-challenge/token")
    assert (sent.status_code, sent.headers["location"]) == (301, "http://elsewhere.example/dcv/x/token")
    assert "http://elsewhere.example/dcv/x/" in httpx.get(f"{town.panel}/domains/example.com").text
    refused = httpx.post(f"{town.panel}/publish", data={**filled, "target": "elsewhere"})
    assert refused.status_code == 400
    assert "begins with http://" in refused.text
    httpx.post(f"{town.panel}/withdraw", data=filled)
    assert visit(town, "away.example.com", "/.well-known/acme-challenge/token").status_code == 404


def test_an_alias_that_is_in_the_way_of_a_record_leads_to_what_is_there(town: RunningTown) -> None:
    name = "_acme-challenge.taken.example.net"
    httpx.post(f"{town.panel}/publish", data={"type": "TXT", "name": name, "value": "old"})
    alias = {"type": "CNAME", "name": name, "value": "x.dcv.sandbox.example"}
    refused = httpx.post(f"{town.panel}/publish", data=alias)
    assert refused.status_code == 400
    assert 'href="/domains/example.net"' in refused.text


def test_a_person_publishes_by_one_button_and_is_led_back_to_the_portal_only(town: RunningTown) -> None:
    back = f"{town.env['PORTAL_URL']}/plans/7/"
    filled = {"type": "TXT", "name": "_acme-challenge.click.example.com", "value": "v4lue", "return_to": back}
    form = httpx.get(f"{town.panel}/publish", params=filled)
    assert form.status_code == 200
    assert 'value="_acme-challenge.click.example.com"' in form.text
    assert form.text.count("<button") == 1
    done = httpx.post(f"{town.panel}/publish", data=filled, follow_redirects=True)
    assert f'href="{back}"' in done.text
    assert ask(town, "_acme-challenge.click.example.com", "TXT") == ['"v4lue"']
    for elsewhere in (
        "https://evil.example/",
        f"{town.env['PORTAL_URL']}.evil.example/",
        "javascript:alert(1)",
    ):
        done = httpx.post(
            f"{town.panel}/publish", data={**filled, "return_to": elsewhere}, follow_redirects=True
        )
        assert "Back to the portal" not in done.text


def test_what_a_person_typed_stays_when_it_is_refused(town: RunningTown) -> None:
    typed = {"type": "file", "host": "not a host", "path": "/x", "content": "<script>1</script>"}
    answer = httpx.post(f"{town.panel}/publish", data=typed)
    assert answer.status_code == 400
    assert 'value="not a host"' in answer.text
    assert "&lt;script&gt;1&lt;/script&gt;" in answer.text


def test_a_certificate_with_another_key_is_not_installed(town: RunningTown) -> None:
    newcomer = Newcomer(town)
    chain, _ = newcomer.obtain(["one.key.example.com"], "dns-01")
    _, other = newcomer.obtain(["two.key.example.com"], "dns-01")
    for body, says in (
        ({"chain": chain, "key": other}, "does not belong"),
        ({"chain": chain, "key": ""}, "no private key"),
        ({"chain": "", "key": other}, "no certificate"),
    ):
        answer = httpx.post(f"{town.panel}/api/certificates", json=body)
        assert answer.status_code == 400
        assert says in answer.json()["error"]
    answer = httpx.post(f"{town.panel}/api/certificates", files={"zip": ("x.zip", b"PK nonsense")})
    assert answer.status_code == 400


def test_no_host_name_leads_out_of_the_folder_of_certificates(town: RunningTown, tmp_path: Path) -> None:
    victim = tmp_path / "victim.pem"
    victim.write_text("here")
    body = {"host": f"../../../../../../../..{tmp_path}/victim"}
    assert httpx.request("DELETE", f"{town.panel}/api/certificates", json=body).status_code == 404
    httpx.post(f"{town.panel}/uninstall", data=body)
    assert victim.read_text() == "here"


def test_mail_is_taken_shown_and_found_by_its_recipient(town: RunningTown) -> None:
    message = EmailMessage()
    message["From"], message["To"] = "Portal <portal@example.org>", "Änna <anna@example.com>"
    message["Subject"] = "Grüße: example.com is issued"
    message.set_content("See http://127.0.0.1:8000/plans/7/?a=1&b=2. <b>Not bold</b>\n")
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="../invoice 1.pdf")
    with smtplib.SMTP(town.env["EMAIL_HOST"], int(town.env["EMAIL_PORT"])) as smtp:
        smtp.send_message(message, to_addrs=["Anna@example.com", "copy@example.com"])
    box = town.env["MAILBOX_URL"]
    found = httpx.get(f"{box}/api/mails", params={"to": "anna@EXAMPLE.com"}).json()["mails"]
    assert [mail["subject"] for mail in found] == ["Grüße: example.com is issued"]
    assert found[0]["to"] == ["anna@example.com", "copy@example.com"]
    mail = httpx.get(f"{box}/api/mails/{found[0]['id']}").json()
    assert "http://127.0.0.1:8000/plans/7/" in mail["text"]
    page = httpx.get(f"{box}/mails/{found[0]['id']}").text
    assert 'href="http://127.0.0.1:8000/plans/7/?a=1&amp;b=2"' in page
    assert "&lt;b&gt;Not bold" in page
    attached = httpx.get(f"{box}/mails/{found[0]['id']}/attachments/1")
    assert attached.content == b"%PDF"
    assert 'filename=".._invoice_1.pdf"' in attached.headers["content-disposition"]
    assert httpx.get(f"{box}/api/mails", params={"to": "nobody@example.com"}).json() == {"mails": []}
    assert httpx.delete(f"{box}/api/mails").status_code == 204
    assert httpx.get(f"{box}/api/mails").json() == {"mails": []}


def test_a_ca_that_hangs_is_started_anew_with_a_new_root(town: RunningTown) -> None:
    root = Path(town.env["SANDBOX_ROOT_CERTIFICATE"])
    before, hung = root.read_bytes(), children(town)["pebble"]
    os.kill(hung, signal.SIGSTOP)
    wait_until(lambda: children(town).get("pebble", hung) != hung and root.read_bytes() != before, 30)
    Newcomer(town).obtain(["again.example.com"], "dns-01")


def test_a_name_server_that_died_comes_back_with_its_records(town: RunningTown) -> None:
    body = {"type": "TXT", "name": "kept.example.com", "value": "kept"}
    httpx.post(f"{town.panel}/api/records", json=body)
    dead = children(town)["pebble-challtes"]
    os.kill(dead, signal.SIGKILL)

    def answers() -> bool:
        try:
            return ask(town, "kept.example.com", "TXT") == ['"kept"']
        except (OSError, dns.exception.Timeout):
            return False

    wait_until(answers, 15)


def test_a_restart_keeps_what_was_published_and_stops_leave_nothing_behind(tmp_path: Path) -> None:
    record = {"type": "TXT", "name": "_x.stay.example.com", "value": "stays"}
    file = {"host": "stay.example.com", "path": "/a.txt", "content": "stays"}
    with running_town(tmp_path) as town:
        httpx.post(f"{town.panel}/api/records", json=record)
        httpx.post(f"{town.panel}/api/files", json=file)
        chain, key = Newcomer(town).obtain(["stay.example.com"], "dns-01")
        httpx.post(f"{town.panel}/api/certificates", json={"chain": chain, "key": key})
        bundle = Path(town.env["ACME_CA_BUNDLE"]).read_bytes()
        pids = children(town)
        status, output = town.stop()
        assert status == 0, output
        assert "Traceback" not in output
        assert not any(Path(f"/proc/{pid}").exists() for pid in pids.values())
    with running_town(tmp_path) as town:
        assert ask(town, "_x.stay.example.com", "TXT") == ['"stays"']
        assert visit(town, "stay.example.com", "/a.txt").text == "stays"
        assert served(town, "stay.example.com") == x509.load_pem_x509_certificate(chain.encode())
        assert Path(town.env["ACME_CA_BUNDLE"]).read_bytes() == bundle
        key_file = next((tmp_path / "sandbox" / "tls").glob("*.pem"))
        assert key_file.stat().st_mode & 0o077 == 0
        pids = children(town)
        os.kill(int(town.env["SANDBOX_PID"]), signal.SIGKILL)
        wait_until(lambda: not any(alive(pid) for pid in pids.values()))


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie that nobody has fetched does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_busy_port_is_named_with_the_variable_that_moves_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for name in ("SANDBOX_CARDS_PORT", "SANDBOX_ACME_PORT"):
            process = launch(tmp_path, "--free-ports", **{name: str(port)})
            output, _ = process.communicate(timeout=20)
            assert process.returncode == 1
            assert len(output.strip().splitlines()) == 1
            assert str(port) in output
            assert name in output


def test_a_town_without_its_programs_says_what_to_install(tmp_path: Path) -> None:
    process = launch(tmp_path, "--free-ports", PATH=str(tmp_path))
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "apt-get install pebble" in output
    assert "Traceback" not in output


def test_programs_unpacked_beside_the_state_are_found(tmp_path: Path) -> None:
    folder = tmp_path / "sandbox" / "bin" / "usr" / "bin"
    folder.mkdir(parents=True)
    for name in ("pebble", "pebble-challtestsrv"):
        source = next(
            Path(part) / name for part in os.environ["PATH"].split(":") if (Path(part) / name).exists()
        )
        (folder / name).symlink_to(source)
    with running_town(tmp_path, PATH="/nonexistent") as town:
        assert httpx.get(f"{town.panel}/health").json()["ok"] is True
