"""The HTTP side of the card processor that the portal's SDK speaks to."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import logging
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.cards import payments, sessions
from sandbox.cards.book import Body, new_id
from sandbox.cards.errors import Refusal, invalid, missing
from sandbox.cards.events import API_VERSION, Cause
from sandbox.cards.parameters import TEXT, Parameters, check_known, decode, integer
from sandbox.cards.processor import Processor

log = logging.getLogger(__name__)

# Called with the checked request: parameters, path parameters, cause, now (Unix seconds).
Verb = Callable[[Parameters, dict[str, Any], Cause, float], Body]
MAX_BODY = 1_000_000
RANGES = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
# Which member of which object a list can be narrowed by.
FILTERS = {
    "checkout.session": ("payment_intent", "status", "customer"),
    "refund": ("payment_intent", "charge"),
    "event": ("type",),
    "payment_intent": ("customer",),
    "charge": ("payment_intent",),
}
LISTS = {
    "/v1/checkout/sessions": "checkout.session",
    "/v1/payment_intents": "payment_intent",
    "/v1/charges": "charge",
    "/v1/refunds": "refund",
    "/v1/events": "event",
}


class Api:
    """Stripe's endpoints, as far as the portal uses them."""

    def __init__(self, processor: Processor) -> None:
        self.processor = processor
        self.book = processor.book

    def routes(self) -> list[Route]:
        """The routes under /v1."""
        routes = [
            self.route("POST", "/v1/checkout/sessions", self.create_session),
            self.route("POST", "/v1/checkout/sessions/{id}/expire", self.expire_session),
            self.route("GET", "/v1/checkout/sessions/{id}/line_items", self.session_items),
            self.route("POST", "/v1/refunds", self.create_refund),
            self.route("GET", "/v1/account", self.account),
            self.route("GET", "/v1/balance", self.balance),
        ]
        for path, kind in LISTS.items():
            routes += [
                self.route("GET", path, self.lister(path, kind)),
                self.route("GET", f"{path}/{{id}}", self.getter(kind)),
            ]
        methods = ["GET", "POST", "DELETE", "PUT", "PATCH"]
        return [*routes, Route("/v1/{rest:path}", self.unknown, methods=methods)]

    def route(self, method: str, path: str, verb: Verb) -> Route:
        """One endpoint: authorised, its parameters read, its answer idempotent, its errors in Stripe's shape."""

        async def answer(request: Request) -> Response:
            identity = new_id("req", 14)
            try:
                answered = await self.answer(request, verb, identity)
            except Refusal as refusal:
                return respond(refusal.status, refusal.body, identity, request)
            except Exception:
                log.exception("The card processor failed at %s %s", request.method, request.url.path)
                body = {
                    "error": {"message": "An unknown error occurred in the sandbox.", "type": "api_error"}
                }
                return respond(500, body, identity, request)
            if method == "POST":
                self.processor.wake()
            return answered

        return Route(path, answer, methods=[method])

    async def unknown(self, request: Request) -> Response:
        """Whatever is not here."""
        message = f"Unrecognized request URL ({request.method}: {request.url.path})."
        return respond(404, Refusal(message).body, new_id("req", 14), request)

    async def answer(self, request: Request, verb: Verb, identity: str) -> Response:
        """Carry out one request, or repeat the answer its idempotency key already has; raises Refusal."""
        authorise(request, self.processor.secret_key)
        body = await request.body()
        if len(body) > MAX_BODY:
            raise Refusal("The request is too large.", status=413)
        params = decode(request.url.query)
        if request.method == "POST":
            params |= decode(body.decode("utf-8", "replace"))
        key = request.headers.get("idempotency-key") if request.method == "POST" else None
        cause = Cause(identity, key)
        now = self.processor.clock()
        # From here to the kept answer nothing awaits, so no other request can come between.
        if key is None:
            with self.book.writing():
                result = verb(params, request.path_params, cause, now)
                result = self.expand(result, params)
            return respond(200, result, identity, request)
        return self.answer_once(request, verb, params, cause, now)

    def answer_once(
        self, request: Request, verb: Verb, params: Parameters, cause: Cause, now: float
    ) -> Response:
        """As `answer`, for a request with an idempotency key; raises Refusal."""
        key, identity = str(cause.key), str(cause.request)
        if len(key) > 255:
            raise Refusal("Idempotency keys can be 255 characters long at most.", type="idempotency_error")
        asked = fingerprint(request, params)
        kept = self.book.answer_to(key)
        if kept is not None:
            if kept[0] != asked:
                raise Refusal(
                    "Keys for idempotent requests can only be used with the same parameters they were first used with. "
                    f"Try using a key other than '{key}' if you meant to execute a different request.",
                    type="idempotency_error",
                )
            more = {"Idempotent-Replayed": "true", "Original-Request": kept[3]}
            return respond(kept[1], json.loads(kept[2]), identity, request, more)
        with self.book.writing():
            try:
                status, result = 200, self.expand(verb(params, request.path_params, cause, now), params)
            except Refusal as refusal:
                if not refusal.kept:
                    raise
                status, result = refusal.status, refusal.body
            self.book.keep_answer(key, asked, status, json.dumps(result), identity)
        return respond(status, result, identity, request)

    def create_session(self, params: Parameters, path: dict[str, Any], cause: Cause, now: float) -> Body:
        """POST /v1/checkout/sessions."""
        return sessions.create(self.book, params, cause, self.processor.base_url, now)

    def expire_session(self, params: Parameters, path: dict[str, Any], cause: Cause, now: float) -> Body:
        """POST /v1/checkout/sessions/{id}/expire."""
        return sessions.expire(self.book, path["id"], cause, now)

    def session_items(self, params: Parameters, path: dict[str, Any], cause: Cause, now: float) -> Body:
        """GET /v1/checkout/sessions/{id}/line_items."""
        payments.need(self.book, "checkout.session", path["id"], "session")
        return self.items(path["id"])

    def items(self, identity: str) -> Body:
        """A session's line items as a list object."""
        url = f"/v1/checkout/sessions/{identity}/line_items"
        return {
            "object": "list",
            "data": sessions.line_items(self.book, identity),
            "has_more": False,
            "url": url,
        }

    def create_refund(self, params: Parameters, path: dict[str, Any], cause: Cause, now: float) -> Body:
        """POST /v1/refunds."""
        return payments.refund(self.book, params, cause, now)

    def account(self, params: Parameters, path: dict[str, Any], cause: Cause, now: float) -> Body:
        """GET /v1/account."""
        profile = {"name": self.processor.merchant}
        return {
            "id": "acct_sandbox",
            "object": "account",
            "business_profile": profile,
            "charges_enabled": True,
            "payouts_enabled": False,
            "country": "US",
            "default_currency": "eur",
            "type": "standard",
        }

    def balance(self, params: Parameters, path: dict[str, Any], cause: Cause, now: float) -> Body:
        """GET /v1/balance: what was charged less what was given back, per currency."""
        sums: dict[str, int] = {}
        for made in self.book.select("charge"):
            net = made["amount_captured"] - made["amount_refunded"]
            sums[made["currency"]] = sums.get(made["currency"], 0) + net
        available = [{"amount": amount, "currency": currency} for currency, amount in sorted(sums.items())]
        return {"object": "balance", "available": available, "livemode": False, "pending": []}

    def getter(self, kind: str) -> Verb:
        """GET of one object."""

        def get(params: Parameters, path: dict[str, Any], cause: Cause, now: float) -> Body:
            found = self.book.get(path["id"], kind)
            if found is None:
                raise missing(kind, path["id"])
            return found

        return get

    def lister(self, path: str, kind: str) -> Verb:
        """GET of a list, newest first, filtered and paged as Stripe does."""

        def listed(params: Parameters, _path: dict[str, Any], cause: Cause, now: float) -> Body:
            limit = integer(params.get("limit", "10"), "limit", 1, 100)
            where, values = narrowed(kind, params)
            order = "DESC"
            for param, sign in (("starting_after", "<"), ("ending_before", ">")):
                if params.get(param):
                    place = self.book.place_of(params[param])
                    if place is None:
                        raise missing(kind, params[param], param)
                    where, values = f"{where} AND seq {sign} ?", (*values, place)
                    order = "ASC" if sign == ">" else "DESC"
            found = self.book.select(kind, where, values, limit + 1, order)
            data = found[:limit] if order == "DESC" else found[:limit][::-1]
            return {"object": "list", "data": data, "has_more": len(found) > limit, "url": path}

        return listed

    def expand(self, result: Body, params: Parameters) -> Body:
        """The answer with the objects that `expand` asks for in place of their ids; raises Refusal."""
        wanted = params.get("expand") or []
        for path in wanted if isinstance(wanted, list) else [wanted]:
            self.expand_path(result, str(path).split("."), str(path))
        return result

    def expand_path(self, body: Body, parts: list[str], path: str) -> None:
        """Follow one path; raises Refusal where it leads nowhere."""
        member, rest = parts[0], parts[1:]
        if member == "line_items" and body.get("object") == "checkout.session":
            body["line_items"] = self.items(body["id"])
            return
        if member not in body:
            raise invalid(f"This property cannot be expanded ({path}).", "expand")
        if isinstance(body[member], str):
            body[member] = self.book.get(body[member]) or body[member]
        if rest:
            inner = body[member] if isinstance(body[member], list) else [body[member]]
            for item in inner:
                if isinstance(item, dict):
                    self.expand_path(item, rest, path)


def narrowed(kind: str, params: Parameters) -> tuple[str, tuple[Any, ...]]:
    """SQL for a list's filters and the values in it; raises Refusal for filters there are not."""
    where, values = "", []
    created = params.get("created")
    shape: dict[str, Any] = dict.fromkeys((*FILTERS[kind], "limit", "starting_after", "ending_before"), TEXT)
    shape |= {"expand": [TEXT], **({"types": [TEXT]} if kind == "event" else {})}
    shape["created"] = dict.fromkeys(RANGES, TEXT) if isinstance(created, dict) else TEXT
    check_known(params, shape)
    for member in FILTERS[kind]:
        if params.get(member):
            # `member` is one of FILTERS above, so the query holds no input.
            where += f" AND json_extract(body, '$.{member}') = ?"
            values.append(params[member])
    if params.get("types"):
        where += f" AND json_extract(body, '$.type') IN ({','.join('?' * len(params['types']))})"
        values += params["types"]
    bounds = created if isinstance(created, dict) else {"": created} if created else {}
    for name, bound in bounds.items():
        where += f" AND created {RANGES.get(name, '=')} ?"
        values.append(integer(bound, f"created[{name}]" if name else "created", 0, 10**11))
    return where, tuple(values)


def authorise(request: Request, secret_key: str) -> None:
    """Check the key of a Bearer or Basic Authorization header; raises Refusal."""
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    given = rest.strip()
    if scheme.lower() == "basic":
        try:
            given = base64.b64decode(given, validate=True).decode("utf-8", "replace").partition(":")[0]
        except binascii.Error:
            given = ""
    if scheme.lower() not in {"bearer", "basic"} or not given:
        raise Refusal("You did not provide an API key.", status=401)
    if given != secret_key:
        raise Refusal(
            f"Invalid API Key provided: {given[:8]}***{given[-4:] if len(given) > 16 else ''}", status=401
        )


def fingerprint(request: Request, params: Parameters) -> str:
    """What was asked, to tell a repeated request from another one with the same key."""
    asked = json.dumps([request.method, request.url.path, params], sort_keys=True)
    return hashlib.sha256(asked.encode()).hexdigest()


def respond(
    status: int, body: Body, identity: str, request: Request, more: dict[str, str] | None = None
) -> Response:
    """A JSON answer with Stripe's headers."""
    headers = {
        "Request-Id": identity,
        "Stripe-Version": API_VERSION,
        "Cache-Control": "no-store",
        **(more or {}),
    }
    key = request.headers.get("idempotency-key")
    if key is not None and key.isascii() and key.isprintable():
        headers["Idempotency-Key"] = key
    return Response(
        json.dumps(body, indent=2), status_code=status, media_type="application/json", headers=headers
    )
