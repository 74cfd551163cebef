"""The portal under a name that a CA can be redirected to: `localhost` with a port of its own is no place for one."""

from __future__ import annotations

import httpx
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

PORTAL_NAME = "portal.sandbox.example"
# All that is let through: where the portal answers challenges. Browsers find the portal itself elsewhere.
ANSWERS = "/dcv/"
SECONDS = 5.0


class PortalDoor:
    """Passes questions about challenges on to the portal at `url`."""

    def __init__(self, url: str, name: str = PORTAL_NAME) -> None:
        self.name = name
        self.client = httpx.AsyncClient(base_url=url, timeout=SECONDS, trust_env=False)

    async def stop(self) -> None:
        """Let go of the portal."""
        await self.client.aclose()

    async def visit(self, request: Request) -> Response:
        """The portal's answer to a question below ANSWERS; every other address is not found."""
        path = request.url.path
        if not path.startswith(ANSWERS) or ".." in path:
            return PlainTextResponse(f"404: only {ANSWERS} is here.\n", status_code=404)
        try:
            answer = await self.client.get(path)
        except httpx.HTTPError:
            return PlainTextResponse("502: the portal does not answer.\n", status_code=502)
        return PlainTextResponse(
            answer.text if answer.is_success else f"{answer.status_code}: the portal has no such answer.\n",
            status_code=answer.status_code,
            headers={"Cache-Control": "no-store"},
        )
