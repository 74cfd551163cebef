"""The pretend mailbox: takes every mail over SMTP, keeps it as .eml, shows it in a browser."""

from __future__ import annotations

import asyncio
import re
import secrets
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage, MIMEPart
from email.utils import parsedate_to_datetime
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session
from markupsafe import Markup, escape
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from sandbox.pages import Pages, static

MAX_MAIL = 10_000_000
PAGE = 200
LINK = re.compile(r"https?://[^\s<>\"']+")
# Punctuation that ends the sentence around a link rather than the link.
TRAILING = ".,;:!?)"


@dataclass(frozen=True)
class Mail:
    """One mail; `recipients` are those of the SMTP envelope, lower case."""

    id: str
    received: datetime
    sender: str
    recipients: list[str]
    message: EmailMessage

    @property
    def subject(self) -> str:
        """The Subject header, decoded."""
        return str(self.message["Subject"] or "(no subject)")

    @property
    def text(self) -> str:
        """The text/plain body; the source of an HTML one when there is no other."""
        body = self.message.get_body(("plain", "html"))
        if body is None:
            return ""
        try:
            return str(body.get_content())
        except (LookupError, UnicodeError):
            # A charset or encoding nobody knows; the octets are better than nothing.
            return content_of(body).decode("utf-8", "replace")

    @property
    def attachments(self) -> list[tuple[str, bytes]]:
        """File name and content of each attachment."""
        parts = list(self.message.iter_attachments())
        return [(part.get_filename() or f"part-{n}", content_of(part)) for n, part in enumerate(parts, 1)]

    def as_dict(self, *, whole: bool) -> dict[str, object]:
        """The mail as JSON shows it; text and headers only when `whole`."""
        short: dict[str, object] = {
            "id": self.id,
            "received": self.received.isoformat(),
            "from": self.sender,
            "to": self.recipients,
            "subject": self.subject,
        }
        if not whole:
            return short
        headers = [[name, str(value)] for name, value in self.message.items()]
        names = [{"name": name, "octets": len(content)} for name, content in self.attachments]
        return {**short, "text": self.text, "headers": headers, "attachments": names}


def content_of(part: MIMEPart) -> bytes:
    """The octets of an attachment."""
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else part.as_bytes()


class Mailbox:
    """Every mail, newest first, in memory and as one .eml file each."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        read = (self.read(path) for path in sorted(directory.glob("*.eml")))
        self.mails: dict[str, Mail] = {mail.id: mail for mail in read}

    def read(self, path: Path) -> Mail:
        """The mail kept in a file, its envelope in the X-Sandbox headers above it."""
        message = message_from_bytes(path.read_bytes(), policy=policy.default)
        recipients = [
            address.strip() for address in str(message["X-Sandbox-To"] or "").split(",") if address.strip()
        ]
        received = parsedate_to_datetime(str(message["X-Sandbox-Received"]))
        sender = str(message["X-Sandbox-From"] or "")
        for header in ("X-Sandbox-To", "X-Sandbox-From", "X-Sandbox-Received"):
            del message[header]
        return Mail(path.stem, received.astimezone(UTC), sender, recipients, message)

    def keep(self, sender: str, recipients: Iterable[str], content: bytes, now: datetime) -> Mail:
        """Store a mail; the ids sort by time."""
        identity = f"{now:%Y%m%dT%H%M%S%f}-{secrets.token_hex(3)}"
        # An address in the envelope has no line break: SMTP itself is made of lines.
        envelope = [
            f"X-Sandbox-From: {sender}",
            f"X-Sandbox-To: {', '.join(recipients).lower()}",
            f"X-Sandbox-Received: {now:%a, %d %b %Y %H:%M:%S %z}",
        ]
        path = self.directory / f"{identity}.eml"
        replacement = path.with_suffix(".new")
        replacement.write_bytes("".join(f"{line}\r\n" for line in envelope).encode("utf-8") + content)
        replacement.replace(path)
        self.mails[identity] = mail = self.read(path)
        return mail

    def find(self, to: str = "") -> list[Mail]:
        """Mails newest first; `to` is a whole address or part of one."""
        wanted = to.strip().lower()
        newest = reversed(self.mails.values())
        return [
            mail for mail in newest if not wanted or any(wanted in address for address in mail.recipients)
        ]

    def clear(self) -> None:
        """Throw every mail away."""
        for identity in self.mails:
            (self.directory / f"{identity}.eml").unlink(missing_ok=True)
        self.mails.clear()


class Postman:
    """The SMTP side: aiosmtpd calls it with each mail."""

    def __init__(self, mailbox: Mailbox) -> None:
        self.mailbox = mailbox
        self.server: asyncio.Server | None = None

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Keep the mail (RFC 5321 §4.1.1.4)."""
        content = envelope.original_content or b""
        self.mailbox.keep(
            envelope.mail_from or "", [str(to) for to in envelope.rcpt_tos], content, datetime.now(UTC)
        )
        return "250 Kept in the sandbox mailbox"

    async def start(self, bound: socket.socket) -> None:
        """Take mail on a bound socket."""
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(
            lambda: SMTP(
                self, data_size_limit=MAX_MAIL, hostname="mailbox.sandbox", ident="Sandbox", loop=loop
            ),
            sock=bound,
        )

    async def stop(self) -> None:
        """Take no more mail."""
        if self.server is not None:
            self.server.close()


def linked(text: str) -> Markup:
    """Text as HTML, escaped, its web addresses clickable."""
    parts: list[Markup] = []
    end = 0
    for match in LINK.finditer(text):
        address = match.group().rstrip(TRAILING)
        parts += [escape(text[end : match.start()]), Markup('<a href="{0}">{0}</a>').format(address)]
        end = match.start() + len(address)
    return Markup("").join([*parts, escape(text[end:])])


class Reader:
    """The web side of the mailbox."""

    def __init__(self, mailbox: Mailbox, pages: Pages) -> None:
        self.mailbox = mailbox
        self.pages = pages

    def app(self) -> Starlette:
        """The reader as a web application."""
        return Starlette(
            routes=[
                Route("/", self.home, methods=["GET"]),
                Route("/mails/{id}", self.mail, methods=["GET"]),
                Route("/mails/{id}/source", self.source, methods=["GET"]),
                Route("/mails/{id}/attachments/{number:int}", self.attachment, methods=["GET"]),
                Route("/clear", self.clear, methods=["POST"]),
                Route("/api/mails", self.list_mails, methods=["GET"]),
                Route("/api/mails", self.clear_mails, methods=["DELETE"]),
                Route("/api/mails/{id}", self.one_mail, methods=["GET"]),
                static(),
            ]
        )

    async def home(self, request: Request) -> Response:
        """The list of mails, ?to= narrows it."""
        to = request.query_params.get("to", "")
        found = self.mailbox.find(to)
        return self.pages.render("mailbox.html", mails=found[:PAGE], more=max(0, len(found) - PAGE), to=to)

    async def mail(self, request: Request) -> Response:
        """One mail."""
        mail = self.mailbox.mails.get(request.path_params["id"])
        if mail is None:
            return self.pages.render("mail.html", 404, mail=None, text="")
        return self.pages.render("mail.html", mail=mail, text=linked(mail.text))

    async def source(self, request: Request) -> Response:
        """One mail as it came."""
        mail = self.mailbox.mails.get(request.path_params["id"])
        if mail is None:
            return Response("No such mail.\n", status_code=404, media_type="text/plain")
        return Response(
            mail.message.as_bytes(), media_type="text/plain", headers={"X-Content-Type-Options": "nosniff"}
        )

    async def attachment(self, request: Request) -> Response:
        """One attachment, to save: never shown in place, whatever it claims to be."""
        mail = self.mailbox.mails.get(request.path_params["id"])
        number = request.path_params["number"]
        if mail is None or not 1 <= number <= len(mail.attachments):
            return Response("No such attachment.\n", status_code=404, media_type="text/plain")
        name, content = mail.attachments[number - 1]
        plain = re.sub(r"[^A-Za-z0-9._-]", "_", name)
        headers = {
            "Content-Disposition": f'attachment; filename="{plain}"',
            "X-Content-Type-Options": "nosniff",
        }
        return Response(content, media_type="application/octet-stream", headers=headers)

    async def clear(self, request: Request) -> Response:
        """Throw every mail away, from the page."""
        self.mailbox.clear()
        return RedirectResponse("/", status_code=303)

    async def list_mails(self, request: Request) -> Response:
        """Mails newest first; ?to= narrows, ?limit= shortens."""
        limit = request.query_params.get("limit", "")
        found = self.mailbox.find(request.query_params.get("to", ""))
        shown = found[: int(limit)] if limit.isdigit() else found
        return JSONResponse({"mails": [mail.as_dict(whole=False) for mail in shown]})

    async def one_mail(self, request: Request) -> Response:
        """One mail with its text, headers and the names of its attachments."""
        mail = self.mailbox.mails.get(request.path_params["id"])
        if mail is None:
            return JSONResponse({"error": "There is no such mail."}, status_code=404)
        return JSONResponse(mail.as_dict(whole=True))

    async def clear_mails(self, request: Request) -> Response:
        """Throw every mail away."""
        self.mailbox.clear()
        return Response(status_code=204)
