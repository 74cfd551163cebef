"""The look of the pretend world: one set of templates, one style sheet, no script."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

HERE = Path(__file__).parent
# Currencies whose minor unit is not a hundredth (ISO 4217), as far as people try them here.
DECIMALS = {
    "bif": 0,
    "clp": 0,
    "djf": 0,
    "gnf": 0,
    "jpy": 0,
    "kmf": 0,
    "krw": 0,
    "mga": 0,
    "pyg": 0,
    "rwf": 0,
}
DECIMALS |= {
    "ugx": 0,
    "vnd": 0,
    "vuv": 0,
    "xaf": 0,
    "xof": 0,
    "xpf": 0,
    "bhd": 3,
    "jod": 3,
    "kwd": 3,
    "omr": 3,
    "tnd": 3,
}


def money(amount: int, currency: str) -> str:
    """Minor units as people write them: 1990, eur -> EUR 19.90."""
    decimals = DECIMALS.get(currency.lower(), 2)
    return f"{currency.upper()} {Decimal(amount).scaleb(-decimals):,.{decimals}f}"


def moment(seconds: float) -> str:
    """Unix seconds as a UTC time."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%d %b %Y, %H:%M:%S UTC")


class Pages:
    """Renders the templates of one part of the town; `links` leads to the other parts."""

    def __init__(self, part: str, links: dict[str, str] | None = None) -> None:
        self.environment = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
        )
        self.environment.filters |= {"money": money, "moment": moment}
        self.environment.globals |= {"part": part, "links": links or {}}

    def render(
        self, template: str, status_code: int = 200, leads_to: tuple[str, ...] = (), **context: object
    ) -> HTMLResponse:
        """A page; `leads_to` are the origins to which its forms may redirect the browser."""
        form_action = " ".join(("'self'", *leads_to))
        policy = (
            "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
            f"frame-ancestors 'none'; form-action {form_action}"
        )
        headers = {
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
        }
        html = self.environment.get_template(template).render(**context)
        return HTMLResponse(html, status_code=status_code, headers=headers)


def static() -> Mount:
    """The route of the style sheet."""
    return Mount("/static", StaticFiles(directory=HERE / "static"))
