"""The whole pretend outside world: every part started in order, watched, and stopped together."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from starlette.types import ASGIApp

from sandbox.answering import Answering
from sandbox.cards.hosted import Hosted
from sandbox.cards.processor import Processor
from sandbox.faults.catalogue import named, plan_for
from sandbox.faults.proxy import FaultProxy
from sandbox.hosting.company import Company
from sandbox.hosting.domains import Domains
from sandbox.hosting.panel import Panel
from sandbox.hosting.portal_door import PORTAL_NAME, PortalDoor
from sandbox.hosting.sites import Certificates, sites
from sandbox.mailbox import Mailbox, Postman, Reader
from sandbox.names import NameServer
from sandbox.pages import Pages
from sandbox.pebble import WATCH_EVERY, Pebble
from sandbox.ports import Ports, bind, require_free
from sandbox.server import WebServer
from sandbox.zone import KEY_NAME, KEY_SECRET, ORIGIN, Zone

log = logging.getLogger(__name__)

LOCAL = "127.0.0.1"
# Fixed and harmless; the portal refuses both outside its sandbox.
SECRET_KEY = "sk_test_sandbox"
WEBHOOK_SECRET = "whsec_sandbox"


class Town:
    """The parts of the town on their ports, their state under `var_dir`/sandbox.

    `environ` is read for PORTAL_URL, PORTAL_NAME, STRIPE_WEBHOOK_URL, the two Stripe secrets, PEBBLE_*,
    FAULTS with FAULTS_SEED (how the CA misbehaves; raises UnknownFault) and SANDBOX_LISTEN (the address to
    listen on, for containers; everything is still reached by 127.0.0.1).
    """

    def __init__(self, ports: Ports, var_dir: Path, environ: Mapping[str, str] | None = None) -> None:
        self.ports = ports
        self.directory = var_dir.resolve() / "sandbox"
        self.environ = dict(os.environ if environ is None else environ)
        self.listen = self.environ.get("SANDBOX_LISTEN") or LOCAL
        self.faults = named(self.environ.get("FAULTS") or "")
        self.stops: list[Callable[[], Awaitable[None]]] = []
        self.bound: dict[str, socket.socket] = {}
        self.watchers: list[asyncio.Task[None]] = []
        self.pebble: Pebble | None = None
        self.name_server: NameServer | None = None
        self.zone = Zone()

    @property
    def portal_url(self) -> str:
        """Where the portal is: by name, as browsers refuse passkeys on an IP address."""
        return (self.environ.get("PORTAL_URL") or f"http://localhost:{self.ports.portal}").rstrip("/")

    @property
    def secret_key(self) -> str:
        """The key the portal's requests to the card processor carry."""
        return self.environ.get("STRIPE_SECRET_KEY") or SECRET_KEY

    @property
    def webhook_secret(self) -> str:
        """The secret webhooks are signed with."""
        return self.environ.get("STRIPE_WEBHOOK_SECRET") or WEBHOOK_SECRET

    @property
    def webhook_url(self) -> str:
        """Where webhooks go."""
        return self.environ.get("STRIPE_WEBHOOK_URL") or f"{self.portal_url}/webhooks/stripe/"

    @property
    def pebble_directory(self) -> Path:
        """Pebble's files: its configuration, its TLS certificate, the CA behind that, and root.pem."""
        return self.directory / "pebble"

    def environment(self) -> dict[str, str]:
        """The variables with which a portal lives in this town."""
        return {
            "PORTAL_URL": self.portal_url,
            "ACME_DIRECTORY_URL": f"https://{LOCAL}:{self.ports.faults if self.faults else self.ports.acme}/dir",
            "ACME_CA_BUNDLE": str(self.pebble_directory / "ca.pem"),
            "STRIPE_API_BASE": f"http://{LOCAL}:{self.ports.cards}",
            "STRIPE_SECRET_KEY": self.secret_key,
            "STRIPE_WEBHOOK_SECRET": self.webhook_secret,
            "EMAIL_HOST": LOCAL,
            "EMAIL_PORT": str(self.ports.smtp),
            "VALIDATION_NAMESERVERS": f"{LOCAL}:{self.ports.dns}",
            "VALIDATION_ALLOWED_NETWORKS": "127.0.0.0/8",
            "VALIDATION_HTTP_PORT": str(self.ports.http),
            "CHALLENGE_REDIRECT_URL": f"http://{PORTAL_NAME}:{self.ports.http}",
            "DELEGATION_ZONE": ORIGIN,
            "DELEGATION_SERVER": f"{LOCAL}:{self.ports.dns}",
            "DELEGATION_TSIG_NAME": KEY_NAME,
            "DELEGATION_TSIG_SECRET": KEY_SECRET,
            "INSTALLATION_TLS_PORT": str(self.ports.tls),
            "HOSTING_PANEL_URL": f"http://{LOCAL}:{self.ports.panel}",
            "MAILBOX_URL": f"http://{LOCAL}:{self.ports.mailbox}",
        }

    def ready(self) -> dict[str, str]:
        """`environment()` and, for tests, the ports, Pebble's management address and its present root."""
        return {
            **self.environment(),
            **self.ports.variables(),
            "SANDBOX_ACME_MANAGEMENT_URL": f"https://{LOCAL}:{self.ports.acme_management}",
            "SANDBOX_ROOT_CERTIFICATE": str(self.pebble_directory / "root.pem"),
            "SANDBOX_PID": str(os.getpid()),
        }

    def addresses(self) -> list[tuple[str, str]]:
        """What to tell a person: name and address of each part."""
        ports = self.ports
        spoilt = f"https://{LOCAL}:{ports.faults}/dir  with {', '.join(self.faults)}"
        return [
            ("Hosting panel", f"http://{LOCAL}:{ports.panel}"),
            ("Cards", f"http://{LOCAL}:{ports.cards}"),
            ("Mailbox", f"http://{LOCAL}:{ports.mailbox}  (SMTP at port {ports.smtp})"),
            (
                "Pebble, the test CA",
                f"https://{LOCAL}:{ports.acme}/dir  (management at port {ports.acme_management})",
            ),
            *([("The CA with its faults", spoilt)] if self.faults else []),
            ("DNS", f"{LOCAL}:{ports.dns}  (with the operator's zone {ORIGIN})"),
            ("Customers' web server", f"http://{LOCAL}:{ports.http}  (TLS at port {ports.tls})"),
        ]

    async def start(self) -> None:
        """Start everything and return when all of it answers.

        Raises PortBusy, ProgramMissing, ProgramFailed; what was started by then is for `stop` to end.
        """
        for name in ("acme", "acme_management", "names", "dns_management"):
            require_free(self.listen, name, getattr(self.ports, name), udp=name == "names")
        names = ["panel", "cards", "mailbox", "smtp", "http", "tls", "dns"]
        names += ["faults"] if self.faults else []
        for name in names:
            self.bound[name] = bind(self.listen, name, getattr(self.ports, name))
        bin_dir = self.directory / "bin"
        ports = self.ports
        self.name_server = NameServer(
            self.directory, bin_dir, self.listen, ports.names, ports.dns_management, self.environ
        )
        answering = Answering(self.zone, ports.names)
        self.stops.append(answering.stop)
        await answering.start(self.listen, ports.dns, self.bound["dns"])
        self.pebble = Pebble(self.pebble_directory, bin_dir, self.listen, ports, self.environ)
        self.stops += [self.name_server.stop, self.pebble.stop]
        await asyncio.gather(self.name_server.start(), self.pebble.start())
        if self.faults:
            self.open_faults(self.pebble)
        company = Company(
            Domains(self.directory / "hosting.json"), Certificates(self.directory / "tls"), self.name_server
        )
        await company.show_all()
        await self.open_hosting(company)
        await self.open_cards()
        await self.open_mailbox()
        self.watchers = [
            asyncio.create_task(self.pebble.watch()),
            asyncio.create_task(self.watch_names(company)),
        ]

    def open_faults(self, pebble: Pebble) -> None:
        """Put the proxy that spoils requests before Pebble."""
        loop, own = asyncio.get_running_loop(), self.pebble_directory
        proxy = FaultProxy(
            pebble.directory_url,
            pebble.ca_bundle,
            (own / "cert.pem", own / "key.pem"),
            plan_for(self.faults, int(self.environ.get("FAULTS_SEED") or 0)),
            listening=self.bound["faults"],
            # Whoever watches Pebble starts it anew.
            restart=lambda: asyncio.run_coroutine_threadsafe(pebble.program.kill(), loop).result(),
        )
        self.stops.append(lambda: asyncio.to_thread(proxy.stop))

    async def open_hosting(self, company: Company) -> None:
        """Start the panel and the customers' web servers."""
        pages = Pages("Hosting panel", self.links("Hosting panel"))
        panel = Panel(company, pages, self.health, self.portal_url, self.ports.http, self.ports.tls)
        portal = PortalDoor(self.portal_url)
        self.stops.append(portal.stop)
        visitors = sites(company.domains, company.certificates, pages, portal)
        await self.serve("panel", panel.app())
        await self.serve("http", visitors)
        await self.serve("tls", visitors, company.certificates.listening_context())

    async def open_cards(self) -> None:
        """Start the card processor."""
        processor = Processor(
            self.directory / "cards.sqlite3",
            f"http://{LOCAL}:{self.ports.cards}",
            self.secret_key,
            self.webhook_url,
            self.webhook_secret,
            self.environ.get("PORTAL_NAME") or "Chancery",
        )
        self.stops.append(processor.stop)
        await processor.start()
        await self.serve("cards", Hosted(processor, Pages("Cards", self.links("Cards"))).app())

    async def open_mailbox(self) -> None:
        """Start taking and showing mail."""
        mailbox = Mailbox(self.directory / "mail")
        postman = Postman(mailbox)
        self.stops.append(postman.stop)
        await postman.start(self.bound["smtp"])
        await self.serve("mailbox", Reader(mailbox, Pages("Mailbox", self.links("Mailbox"))).app())

    async def serve(self, name: str, app: ASGIApp, context: ssl.SSLContext | None = None) -> None:
        """Start a web server on the port called `name`, to be stopped with the town."""
        server = WebServer(app, self.bound[name], context)
        self.stops.append(server.stop)
        await server.start()

    def links(self, here: str) -> dict[str, str]:
        """The way to the portal and the other parts with pages."""
        parts = {
            "Portal": self.portal_url,
            "Hosting panel": f"http://{LOCAL}:{self.ports.panel}",
            "Cards": f"http://{LOCAL}:{self.ports.cards}",
            "Mailbox": f"http://{LOCAL}:{self.ports.mailbox}",
        }
        return {label: address for label, address in parts.items() if label != here}

    async def watch_names(self, company: Company) -> None:
        """For ever: start the name server anew when it ended, and tell it everything again."""
        while True:
            await asyncio.sleep(WATCH_EVERY)
            server = company.name_server
            if server.program.running:
                continue
            log.warning("The name server ended and is started anew.")
            try:
                await server.restart()
                await company.show_all()
            except Exception:
                log.exception(
                    "The name server did not come back; the next try is in %.0f seconds.", WATCH_EVERY
                )

    async def health(self) -> dict[str, bool]:
        """Which parts answer at this moment."""
        if self.pebble is None or self.name_server is None:
            return {"acme": False, "dns": False}
        names = ("cards", "mailbox", "smtp", "http", "tls")
        answers = await asyncio.gather(
            self.pebble.answers(),
            self.name_server.answers(),
            *(listens(getattr(self.ports, name)) for name in names),
        )
        return dict(zip(("acme", "dns", *names), answers, strict=True))

    async def stop(self) -> None:
        """Stop everything, last started first."""
        for watcher in self.watchers:
            watcher.cancel()
        await asyncio.gather(*self.watchers, return_exceptions=True)
        for stop in reversed(self.stops):
            try:
                await stop()
            except Exception:
                log.exception("A part of the sandbox did not stop cleanly.")
        self.stops.clear()
        for taken in self.bound.values():
            taken.close()
        self.bound.clear()

    async def run(self, ready_file: Path | None, announce: Callable[[Town], None]) -> None:
        """Start, say so, and stay until SIGINT or SIGTERM; always stops everything."""
        over = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, over.set)
        starting = asyncio.create_task(self.start())
        waiting = asyncio.create_task(over.wait())
        try:
            await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                await starting
                announce(self)
                if ready_file is not None:
                    write_ready(ready_file, self.ready())
                await over.wait()
        finally:
            for task in (starting, waiting):
                task.cancel()
            await asyncio.gather(starting, waiting, return_exceptions=True)
            await self.stop()


async def listens(port: int) -> bool:
    """Whether somebody takes connections on a local port."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(LOCAL, port), 1)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


def write_ready(path: Path, values: dict[str, str]) -> None:
    """Write JSON so that whoever waits for the file finds it whole."""
    replacement = path.with_name(f"{path.name}.new")
    replacement.write_text(json.dumps(values, indent=2))
    replacement.replace(path)
