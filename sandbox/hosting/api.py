"""The panel for scripts: records, files, redirects and certificates as JSON."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from json import JSONDecodeError
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.hosting.bundle import read_pem, read_zip
from sandbox.hosting.company import Company, Refused
from sandbox.hosting.domains import File, Redirect
from sandbox.names import Record

Endpoint = Callable[[Request], Awaitable[Response]]


class BodyRefused(ValueError):
    """A request body that is not the JSON object, or form, it must be."""


class Api:
    """Endpoints under /api; every refusal is a 400 with one sentence in `error`."""

    def __init__(self, company: Company) -> None:
        self.company = company

    def routes(self) -> list[Route]:
        """The routes of the API."""
        return [
            Route("/api/domains", answered(self.domains), methods=["GET"]),
            Route("/api/domains", answered(self.remove_domains), methods=["DELETE"]),
            Route("/api/records", answered(self.add_record), methods=["POST"]),
            Route("/api/records", answered(self.remove_record), methods=["DELETE"]),
            Route("/api/files", answered(self.add_file), methods=["POST"]),
            Route("/api/files", answered(self.remove_file), methods=["DELETE"]),
            Route("/api/redirects", answered(self.add_redirect), methods=["POST"]),
            Route("/api/redirects", answered(self.remove_redirect), methods=["DELETE"]),
            Route("/api/certificates", answered(self.install), methods=["POST"]),
            Route("/api/certificates", answered(self.uninstall), methods=["DELETE"]),
        ]

    async def domains(self, request: Request) -> Response:
        """Every domain with its records, files, redirects and certificates."""
        company = self.company
        return JSONResponse(
            {
                "domains": [
                    {
                        "name": domain.name,
                        "records": [record.as_dict() for record in domain.records],
                        "files": [file.as_dict() for file in domain.files],
                        "redirects": [redirect.as_dict() for redirect in domain.redirects],
                        "certificates": [
                            item.as_dict() for item in company.certificates.of_domain(domain.name)
                        ],
                    }
                    for domain in company.domains.all(also=company.certificates.hosts())
                ]
            }
        )

    async def remove_domains(self, request: Request) -> Response:
        """Forget one domain (?name=) or all."""
        only = request.query_params.get("name")
        for domain in self.company.domains.all(also=self.company.certificates.hosts()):
            if only in {None, domain.name}:
                await self.company.remove_domain(domain.name)
        return Response(status_code=204)

    async def add_record(self, request: Request) -> Response:
        """Publish {type, name, value}; it is live when the answer comes."""
        record = read_record(await read_body(request))
        await self.company.publish_record(record)
        return JSONResponse(record.as_dict(), status_code=201)

    async def remove_record(self, request: Request) -> Response:
        """Take {type, name, value} away."""
        there = await self.company.withdraw_record(read_record(await read_body(request)))
        return gone(there, "There is no such record.")

    async def add_file(self, request: Request) -> Response:
        """Publish {host, path, content}."""
        body = await read_body(request)
        file = File.read(text(body, "host"), text(body, "path"), text(body, "content"))
        self.company.publish_file(file)
        return JSONResponse(file.as_dict(), status_code=201)

    async def remove_file(self, request: Request) -> Response:
        """Take {host, path} away."""
        body = await read_body(request)
        return gone(
            self.company.withdraw_file(File.read(text(body, "host"), text(body, "path"), "")),
            "There is no such file.",
        )

    async def add_redirect(self, request: Request) -> Response:
        """Send challenges of {host} to {target}."""
        body = await read_body(request)
        redirect = Redirect.read(text(body, "host"), text(body, "target"))
        self.company.redirect(redirect)
        return JSONResponse(redirect.as_dict(), status_code=201)

    async def remove_redirect(self, request: Request) -> Response:
        """Answer challenges of {host} with files again."""
        there = self.company.end_redirect(text(await read_body(request), "host"))
        return gone(there, "There is no such redirect.")

    async def install(self, request: Request) -> Response:
        """Serve {host?, chain, key}, or a form with the field `zip`; without host: for the certificate's names."""
        if request.headers.get("content-type", "").startswith("multipart/form-data"):
            async with request.form(max_files=1) as form:
                upload = form.get("zip")
                if upload is None or isinstance(upload, str):
                    raise BodyRefused("The form needs a file called zip.")
                bundle, host = read_zip(await upload.read()), str(form.get("host") or "")
        else:
            body = await read_body(request)
            bundle, host = read_pem(text(body, "chain"), text(body, "key", "")), text(body, "host", "")
        installed = self.company.install(bundle, host)
        return JSONResponse({"certificates": [item.as_dict() for item in installed]}, status_code=201)

    async def uninstall(self, request: Request) -> Response:
        """Go back to the self-signed default for {host}."""
        there = self.company.certificates.remove(text(await read_body(request), "host"))
        return gone(there, "No certificate is installed for that host.")


def answered(endpoint: Endpoint) -> Endpoint:
    """The endpoint, its refusals turned into answers."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except (*Refused, BodyRefused) as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        except httpx.HTTPError:
            return JSONResponse(
                {"error": "The name server does not answer; try again in a moment."}, status_code=503
            )

    return answer


async def read_body(request: Request) -> dict[str, Any]:
    """The JSON object in the body or, when there is none, the query; raises BodyRefused."""
    raw = await request.body()
    if not raw:
        return dict(request.query_params)
    try:
        body = await request.json()
    except (JSONDecodeError, UnicodeDecodeError) as error:
        raise BodyRefused("The body is not JSON.") from error
    if not isinstance(body, dict):
        raise BodyRefused("The body is not a JSON object.")
    return body


def read_record(body: dict[str, Any]) -> Record:
    """The record in a body; raises RecordRefused, BodyRefused."""
    return Record.read(text(body, "type"), text(body, "name"), text(body, "value"))


def text(body: dict[str, Any], key: str, default: str | None = None) -> str:
    """A text member of a body; raises BodyRefused when it is missing and has no default."""
    value = body.get(key, default)
    if not isinstance(value, str):
        raise BodyRefused(f"{key!r} must be given as text.")
    return value


def gone(there: bool, otherwise: str) -> Response:
    """204 after taking something away, 404 when it was not there."""
    if there:
        return Response(status_code=204)
    return JSONResponse({"error": otherwise}, status_code=404)
