"""`make demo`: one customer's whole walk over HTTP, from sign-up to files that OpenSSL accepts."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import requests

from runner.browserless import Customer, Unexpected, wait_for
from runner.installation import ROOT, Installation
from runner.processes import DiedEarly
from runner.staff import Staff

NAME = "shop.example"
PASSWORD = "a-long-demo-password-7"  # noqa: S105 - of an account in a sandbox that ends in a minute
NEEDS_STAFF = "needs our staff"


@dataclass
class Walk:
    """The customer, the town they live in, and what they carry home."""

    installation: Installation
    customer: Customer
    home: Path
    email: str = "customer@shop.example"
    plan_url: str = ""
    steps: list[tuple[str, float]] = field(default_factory=list)

    @property
    def spoilt(self) -> bool:
        """True where the CA misbehaves: FAULTS, see docs/operating.md."""
        return bool(self.installation.env.get("FAULTS"))

    @property
    def patience(self) -> float:
        """Seconds that a certificate may take."""
        return 900.0 if self.spoilt else 60.0

    @cached_property
    def staff(self) -> Staff:
        return Staff(self.installation)

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        started = time.monotonic()
        try:
            yield
        except BaseException:
            say(f"  ✗ {title}")
            raise
        taken = time.monotonic() - started
        self.steps.append((title, taken))
        say(f"  ✓ {title:<58} {taken:6.2f} s")

    def mail(self, about: str) -> str:
        """Return the text of the newest mail to the customer whose subject holds `about`."""
        box = self.installation.env["MAILBOX_URL"]

        def newest() -> str:
            for mail in requests.get(f"{box}/api/mails", params={"to": self.email}, timeout=10).json()[
                "mails"
            ]:
                if about.lower() in mail["subject"].lower():
                    text = requests.get(f"{box}/api/mails/{mail['id']}", timeout=10).json()["text"]
                    return str(text)
            return ""

        return str(wait_for(newest, f"a mail about {about!r}"))

    def publish(self, query: dict[str, list[str]]) -> None:
        """Do at the hosting company what the portal's link proposes."""
        panel = self.installation.env["HOSTING_PANEL_URL"]
        given = {name: values[0] for name, values in query.items()}
        if given.get("type", "").lower() == "file":
            body = {"host": given["host"], "path": given["path"], "content": given["content"]}
            answer = requests.post(f"{panel}/api/files", json=body, timeout=10)
        elif given.get("type", "").lower() == "redirect":
            body = {"host": given["host"], "target": given["target"]}
            answer = requests.post(f"{panel}/api/redirects", json=body, timeout=10)
        else:
            body = {"type": given["type"], "name": given["name"], "value": given["value"]}
            answer = requests.post(f"{panel}/api/records", json=body, timeout=10)
        answer.raise_for_status()


def main() -> int:
    home = ROOT / "demo"
    shutil.rmtree(home, ignore_errors=True)
    say("Starting a sandbox of its own, the portal and a worker …")
    with tempfile.TemporaryDirectory(prefix="chancery-demo-") as folder:
        installation = Installation(Path(folder), free_ports=True)
        try:
            with installation:
                walk = Walk(installation, Customer(installation.portal_url), home)
                for part in PARTS:
                    part(walk)
        except (Unexpected, DiedEarly, TimeoutError, RuntimeError, requests.RequestException) as exc:
            say(f"\n{exc}\n")
            for name in ("portal", "worker", "sandbox"):
                say(f"--- {name} ---\n{installation.processes.tail(name)}")
            return 1
    say(
        f"\nDone in {sum(taken for _title, taken in walk.steps):.1f} s. The files are under {home.relative_to(ROOT)}/."
    )
    return 0


def sign_up(walk: Walk) -> None:
    customer = walk.customer
    with walk.step("sign up and confirm the address"):
        customer.go("/accounts/signup/").submit(
            "", email=walk.email, password1=PASSWORD, name="Demo Customer"
        )
        link = re.search(r"https?://\S+/accounts/confirm-email/\S+", walk.mail("confirm"))
        if link is None:
            raise Unexpected("the confirmation mail holds no link")
        customer.go(link.group(0)).submit("confirm-email")
        if "accounts/login" in customer.url:
            customer.submit("", login=walk.email, password=PASSWORD)


def order(walk: Walk, name: str = NAME) -> None:
    customer = walk.customer
    with walk.step(f"order DV for {name}, one year"):
        customer.go("/products/").go(customer.link("/products/dv/order"))
        customer.submit("", names=name, years="1")
        if "/confirm/" not in customer.url:
            raise Unexpected(f"Check out did not lead to the confirmation:\n{customer.summary()}")
    with walk.step("confirm with purchaser information and agreement"):
        customer.submit(
            "",
            purchaser_name="Demo Customer",
            purchaser_email=walk.email,
            purchaser_country="DE",
            agreement="on",
        )


def pay(walk: Walk) -> None:
    customer = walk.customer
    with walk.step("pay with the test card"):
        if not customer.url.startswith(walk.installation.env["STRIPE_API_BASE"]):
            raise Unexpected(f"not on the payment page but on {customer.url}:\n{customer.summary()}")
        customer.submit("", number="4242 4242 4242 4242")
        wait_for(lambda: customer.go(customer.url) and _has(customer, "activation"), "the payment")


def _has(customer: Customer, part: str) -> bool:
    try:
        customer.link(part)
    except Unexpected:
        return False
    return True


def set_up(walk: Walk) -> None:
    customer = walk.customer
    with walk.step("step 1: key and CSR made for us"):
        customer.go(customer.link("activation"))
        customer.submit("", csr_source="generated", key_type="ec-p256")
    with walk.step("step 2: contacts"):
        customer.submit("")
    with walk.step("step 3: DNS TXT Record"):
        if "/methods" not in customer.url:
            raise Unexpected(f"not at step 3 but on {customer.url}:\n{customer.summary()}")
        customer.submit("", **customer.boxes("dns-01"))


def prove(walk: Walk) -> None:
    customer, published = walk.customer, set[str]()
    with walk.step("step 4: publish what the page shows"):
        approve = customer.url
        walk.plan_url = approve.split("activation/")[0]
        wait_for(lambda: persist(walk, approve, published), "the record to publish", walk.patience)
    with walk.step("the portal sees it, the CA validates and issues"):
        wait_for(lambda: _issued(walk) or _again(walk, approve, published), "the certificate", walk.patience)
    with walk.step("the mail says so"):
        walk.mail("ready")
    if walk.staff.helped:
        say(f"    an operator was asked {walk.staff.helped} times, {len(published)} values were published")


def persist(walk: Walk, approve: str, published: set[str]) -> bool:
    """Do what the pages ask of a customer, and of staff where they name them; True once something was published."""
    customer = walk.customer
    if NEEDS_STAFF in customer.go(approve).text:
        walk.staff.help(walk.plan_url)
    elif customer.has_form("/try-again/"):
        customer.submit("/try-again/")
    else:
        panel = walk.installation.env["HOSTING_PANEL_URL"]
        link = customer.link(f"{panel}/publish") if _has(customer, f"{panel}/publish") else ""
        if link and link not in published:
            walk.publish(parse_qs(urlsplit(link).query))
            published.add(link)
            customer.submit("/check/")
    return bool(published)


def _again(walk: Walk, approve: str, published: set[str]) -> bool:
    """Only a CA that misbehaves makes it necessary: its orders end, and the next one wants other values."""
    if walk.spoilt:
        persist(walk, approve, published)
    return False


def _issued(walk: Walk) -> bool:
    return "Download Certificate" in walk.customer.go(walk.plan_url).text


def download(walk: Walk) -> None:
    for slug in ("nginx", "apache"):
        with walk.step(f"download for {slug.capitalize()}"):
            zipped = zipfile.ZipFile(BytesIO(take(walk, slug)))
            for entry in zipped.infolist():
                if not entry.is_dir():
                    keep(walk.home / slug / Path(entry.filename).name, zipped.read(entry))
    with walk.step("download for IIS (.pfx and its password)"):
        content = take(walk, "pfx")
        keep(walk.home / "pfx" / f"{NAME.replace('.', '-')}.pfx", content)


def take(walk: Walk, slug: str) -> bytes:
    """Open the format's page, keep the password it shows, press Download."""
    customer = walk.customer
    customer.go(walk.plan_url).go(customer.link(f"/download/{slug}/"))
    if "reauthenticate" in customer.url:
        customer.submit("", password=PASSWORD)
    shown = re.search(r'name="password" value="([^"]+)"', customer.text)
    if shown:
        keep(walk.home / slug / "password.txt", shown.group(1).encode() + b"\n")
    customer.submit("")
    page = customer.page
    if page is None or "attachment" not in page.headers.get("Content-Disposition", ""):
        raise Unexpected(f"no file came from {customer.url}:\n{customer.summary()}")
    return page.content


def keep(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o600)


def check(walk: Walk) -> None:
    root = Path(walk.installation.env["SANDBOX_ROOT_CERTIFICATE"])
    for slug in ("nginx", "apache"):
        with walk.step(f"openssl accepts the files for {slug.capitalize()}"):
            folder = walk.home / slug
            chain = next(
                path for path in folder.glob("*.crt") if path.read_text().count("BEGIN CERTIFICATE") > 1
            )
            openssl("verify", "-CAfile", root, "-untrusted", chain, "-verify_hostname", NAME, chain)
            key = next(folder.glob("*.key"))
            if openssl("pkey", "-in", key, "-pubout") != openssl("x509", "-in", chain, "-noout", "-pubkey"):
                raise Unexpected(f"{key.name} is not the key of {chain.name}")
    with walk.step("openssl opens the .pfx with its password"):
        folder = walk.home / "pfx"
        openssl(
            "pkcs12",
            "-in",
            next(folder.glob("*.pfx")),
            "-passin",
            f"file:{folder / 'password.txt'}",
            "-noenc",
        )


def openssl(*words: object) -> str:
    done = subprocess.run(  # noqa: S603 - our own files
        ["openssl", *map(str, words)],  # noqa: S607 - found on PATH, as for a customer
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise Unexpected(f"openssl {words[0]} refused: {done.stderr.strip()[-500:]}")
    return done.stdout


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


PARTS: list[Callable[[Walk], None]] = [sign_up, order, pay, set_up, prove, download, check]


if __name__ == "__main__":
    sys.exit(main())
