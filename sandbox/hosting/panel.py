"""The panel for people: what a customer of the hosting company clicks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlencode

import httpx
from starlette.applications import Starlette
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from sandbox.hosting.api import Api
from sandbox.hosting.bundle import Bundle, read_pem, read_zip
from sandbox.hosting.company import Company, Refused
from sandbox.hosting.domains import File, Redirect, domain_of
from sandbox.names import RECORD_TYPES, Record
from sandbox.pages import Pages, static

Health = Callable[[], Awaitable[dict[str, bool]]]
NAME_SERVER_SILENT = "The name server does not answer. Nothing is lost: try again in a moment."


@dataclass
class Panel:
    """The pages of the panel; `portal_url` is where a visitor may be sent back to."""

    company: Company
    pages: Pages
    health: Health
    portal_url: str
    http_port: int
    tls_port: int

    def app(self) -> Starlette:
        """The panel as a web application."""
        return Starlette(
            routes=[
                Route("/", self.home, methods=["GET"]),
                Route("/domains", self.add_domain, methods=["POST"]),
                Route("/domains/{name}", self.domain, methods=["GET"]),
                Route("/domains/{name}/remove", self.remove_domain, methods=["POST"]),
                Route("/domains/{name}/certificate", self.install, methods=["POST"]),
                Route("/publish", self.publish_form, methods=["GET"]),
                Route("/publish", self.publish, methods=["POST"]),
                Route("/published", self.published, methods=["GET"]),
                Route("/withdraw", self.withdraw, methods=["POST"]),
                Route("/uninstall", self.uninstall, methods=["POST"]),
                Route("/health", self.report_health, methods=["GET"]),
                *Api(self.company).routes(),
                static(),
            ]
        )

    async def home(self, request: Request) -> Response:
        """The list of domains."""
        return self.show_home()

    def show_home(self, problem: str = "", typed: str = "") -> Response:
        """The list, with what was wrong with a domain just typed."""
        domains = self.company.domains.all(also=self.company.certificates.hosts())
        rows = [(domain, self.company.certificates.of_domain(domain.name)) for domain in domains]
        return self.pages.render(
            "panel.html", 400 if problem else 200, rows=rows, problem=problem, typed=typed
        )

    async def add_domain(self, request: Request) -> Response:
        """Add a domain to the list."""
        async with request.form() as form:
            typed = field(form, "name")
        try:
            name = self.company.domains.add_domain(typed)
        except Refused as error:
            return self.show_home(str(error), typed)
        return RedirectResponse(f"/domains/{name}", status_code=303)

    async def domain(self, request: Request) -> Response:
        """One domain: records, files, certificate."""
        return self.show_domain(request.path_params["name"])

    def show_domain(self, name: str, problem: str = "", host: str = "") -> Response:
        """The page of a domain, with what was wrong with a certificate just brought."""
        return self.pages.render(
            "domain.html",
            400 if problem else 200,
            domain=self.company.domains.domain(name),
            installed=self.company.certificates.of_domain(name),
            types=RECORD_TYPES,
            problem=problem,
            host=host,
            http_port=self.http_port,
            tls_port=self.tls_port,
        )

    async def remove_domain(self, request: Request) -> Response:
        """Forget a domain and all that belongs to it."""
        try:
            await self.company.remove_domain(request.path_params["name"])
        except httpx.HTTPError:
            return self.show_home(NAME_SERVER_SILENT)
        return RedirectResponse("/", status_code=303)

    async def publish_form(self, request: Request) -> Response:
        """The form to publish a record or a file, filled in from the query."""
        return self.show_publish(dict(request.query_params))

    def show_publish(self, values: dict[str, str], problem: str = "") -> Response:
        """The publish form with `values`, and what was wrong with them."""
        kind = values.get("type", "TXT")
        keys = ("name", "value", "host", "path", "content", "target", "return_to")
        values = {key: values.get(key, "") for key in keys}
        values["type"] = kind.lower() if kind.lower() in {"file", "redirect"} else kind.upper()
        named = values["host"] or values["name"]
        return self.pages.render(
            "publish.html",
            400 if problem else 200,
            values=values,
            problem=problem,
            types=RECORD_TYPES,
            domain=domain_of(named) if problem and "." in named else "",
        )

    async def publish(self, request: Request) -> Response:
        """Publish what the form says; then show that it is live."""
        async with request.form() as form:
            values = {key: field(form, key) for key in form}
        try:
            if values.get("type", "").lower() == "file":
                file = File.read(values.get("host", ""), values.get("path", ""), values.get("content", ""))
                self.company.publish_file(file)
                shown = {"type": "file", "host": file.host, "path": file.path}
            elif values.get("type", "").lower() == "redirect":
                redirect = Redirect.read(values.get("host", ""), values.get("target", ""))
                self.company.redirect(redirect)
                shown = {"type": "redirect", **redirect.as_dict()}
            else:
                record = Record.read(values.get("type", ""), values.get("name", ""), values.get("value", ""))
                await self.company.publish_record(record)
                shown = record.as_dict()
        except Refused as error:
            return self.show_publish(values, str(error))
        except httpx.HTTPError:
            return self.show_publish(values, NAME_SERVER_SILENT)
        query = urlencode({**shown, "return_to": values.get("return_to", "")})
        return RedirectResponse(f"/published?{query}", status_code=303)

    async def published(self, request: Request) -> Response:
        """Say that something is live, and the way back to the portal."""
        keys = ("type", "name", "value", "host", "path", "target")
        values = {key: request.query_params.get(key, "") for key in keys}
        named = values["host"] or values["name"]
        return self.pages.render(
            "published.html",
            values=values,
            domain=domain_of(named) if named else "",
            return_to=self.way_back(request.query_params.get("return_to", "")),
            http_port=self.http_port,
        )

    def way_back(self, address: str) -> str:
        """`address` if it is a page of the portal, else nothing: this panel sends nobody elsewhere."""
        portal = self.portal_url.rstrip("/")
        return address if address == portal or address.startswith(f"{portal}/") else ""

    async def withdraw(self, request: Request) -> Response:
        """Take a record or a file away."""
        async with request.form() as form:
            try:
                if field(form, "type") == "file":
                    file = File.read(field(form, "host"), field(form, "path"), "")
                    self.company.withdraw_file(file)
                    name = file.host
                elif field(form, "type") == "redirect":
                    name = field(form, "host")
                    self.company.end_redirect(name)
                else:
                    record = Record.read(field(form, "type"), field(form, "name"), field(form, "value"))
                    await self.company.withdraw_record(record)
                    name = record.name
            except Refused as error:
                return self.show_home(str(error))
            except httpx.HTTPError:
                return self.show_home(NAME_SERVER_SILENT)
        return RedirectResponse(f"/domains/{domain_of(name)}", status_code=303)

    async def install(self, request: Request) -> Response:
        """Install a certificate, pasted or as a ZIP."""
        name = request.path_params["name"]
        async with request.form(max_files=2) as form:
            host = field(form, "host") or name
            try:
                self.company.install(await brought(form), host)
            except Refused as error:
                return self.show_domain(name, str(error), host)
        return RedirectResponse(f"/domains/{domain_of(host)}#certificate", status_code=303)

    async def uninstall(self, request: Request) -> Response:
        """Go back to the self-signed default."""
        async with request.form() as form:
            host = field(form, "host")
        self.company.certificates.remove(host)
        return RedirectResponse(f"/domains/{domain_of(host)}#certificate", status_code=303)

    async def report_health(self, request: Request) -> Response:
        """What of the town is up; 503 unless everything is."""
        parts = await self.health()
        up = all(parts.values())
        return JSONResponse({"ok": up, "parts": parts}, status_code=200 if up else 503)


async def brought(form: FormData) -> Bundle:
    """The certificate in a form: an uploaded ZIP or PEM file, else what was pasted; raises BundleRefused."""
    upload = form.get("zip")
    if isinstance(upload, UploadFile) and upload.filename:
        content = await upload.read()
        if content.startswith(b"PK"):
            return read_zip(content)
        return read_pem(content.decode("utf-8", "replace"), field(form, "key"))
    return read_pem(field(form, "chain"), field(form, "key"))


def field(form: FormData, name: str) -> str:
    """A text field of a form; empty when it is missing or a file."""
    value = form.get(name)
    return value if isinstance(value, str) else ""
