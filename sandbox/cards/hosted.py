"""The hosted payment page, and the same moves as JSON for tests."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from json import JSONDecodeError
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from sandbox.cards import sessions
from sandbox.cards.api import Api
from sandbox.cards.book import Body
from sandbox.cards.events import DELIVERY_MODES, LATE_SECONDS, Cause
from sandbox.cards.payments import Card, Decline
from sandbox.cards.processor import Processor
from sandbox.pages import Pages, static

PAYING = "4242424242424242"
DECLINED = Decline("card_declined", "generic_decline", "Your card was declined.")
# Test numbers and what comes of them; the processor knows no other cards.
CARDS: dict[str, Decline | None] = {
    PAYING: None,
    "5555555555554444": None,
    "4000000000000002": DECLINED,
    "4000000000009995": Decline("card_declined", "insufficient_funds", "Your card has insufficient funds."),
    "4000000000000069": Decline("expired_card", "expired_card", "Your card has expired."),
    "4000000000000127": Decline("incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect."),
}
OUTCOMES = ("paid", "declined", "delayed_paid", "delayed_failed", "cancel")
DELAY_SECONDS = 3.0
MAX_DELAY = 3600.0


class CardRefused(ValueError):
    """A card that cannot be tried; the text tells the person at the page why."""


class ControlRefused(ValueError):
    """A control request that makes no sense; the text says why."""


@dataclass
class Attempt:
    """What somebody does on the hosted page."""

    outcome: str
    card: Card | None = None
    decline: Decline | None = None
    email: str = ""
    delay: float = DELAY_SECONDS
    cause: Cause = field(default_factory=Cause)


def read_card(form: Mapping[str, object], now: datetime) -> tuple[Card, Decline | None]:
    """The card typed in, and why it will be declined if it will; raises CardRefused."""
    number = re.sub(r"[\s-]", "", str(form.get("number", "")))
    if number not in CARDS:
        raise CardRefused("The sandbox knows test cards only: 4242 4242 4242 4242 pays.")
    expiry = re.fullmatch(r"\s*(\d{1,2})\s*/\s*(?:20)?(\d{2})\s*", str(form.get("expiry", "")), re.ASCII)
    if expiry is None or not 1 <= int(expiry[1]) <= 12:
        raise CardRefused("The expiry date is a month and a year, like 12 / 34.")
    month, year = int(expiry[1]), 2000 + int(expiry[2])
    if (year, month) < (now.year, now.month):
        raise CardRefused("This expiry date is in the past.")
    if not re.fullmatch(r"\d{3,4}", str(form.get("cvc", "")).strip(), re.ASCII):
        raise CardRefused("The security code is three or four digits.")
    return Card("mastercard" if number[0] == "5" else "visa", number[-4:], month, year), CARDS[number]


def return_url(session: Body) -> str:
    """Where the customer goes after paying."""
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])


def origins(session: Body) -> tuple[str, ...]:
    """The origins to which the page's form may lead the browser."""
    addresses = (session["success_url"], session["cancel_url"])
    parts = [urlsplit(address) for address in addresses if address]
    return tuple(sorted({f"{part.scheme}://{part.netloc}" for part in parts}))


class Hosted:
    """The pages of the card processor."""

    def __init__(self, processor: Processor, pages: Pages) -> None:
        self.processor = processor
        self.book = processor.book
        self.pages = pages

    def app(self) -> Starlette:
        """Pages, control interface and API as one web application."""
        return Starlette(
            routes=[
                Route("/", self.home, methods=["GET"]),
                Route("/pay/{id}", self.page, methods=["GET"]),
                Route("/pay/{id}", self.submit, methods=["POST"]),
                Route("/control/pay/{id}", self.control_pay, methods=["POST"]),
                Route("/control/state", self.control_state, methods=["GET"]),
                *Api(self.processor).routes(),
                static(),
            ]
        )

    async def home(self, request: Request) -> Response:
        """What was paid, given back and told to the portal."""
        events = {event["id"]: event for event in self.book.select("event", limit=200)}
        deliveries = [item for item in reversed(self.book.deliveries()) if item.event in events][:30]
        return self.pages.render(
            "payments.html",
            sessions=self.book.select("checkout.session", limit=50),
            refunds=self.book.select("refund", limit=20),
            deliveries=[(item, events[item.event]) for item in deliveries],
            webhook_url=self.processor.courier.url,
        )

    async def page(self, request: Request) -> Response:
        """The page of one session."""
        return self.show(self.book.get(request.path_params["id"], "checkout.session"))

    def show(
        self, session: Body | None, problem: str = "", typed: Mapping[str, object] | None = None
    ) -> Response:
        """The payment form, or what became of the session; with a problem, what was typed stays."""
        if session is None:
            return self.pages.render("pay_over.html", 404, session=None, back="")
        if session["status"] != "open":
            return self.pages.render("pay_over.html", session=session, back=return_url(session))
        values = {
            "number": "4242 4242 4242 4242",
            "expiry": "12 / 34",
            "cvc": "123",
            "later": "paid",
            "seconds": "3",
        }
        values["email"] = session["customer_email"] or ""
        if typed is not None:
            values = {key: str(typed.get(key, "")) for key in values}
        return self.pages.render(
            "pay.html",
            402 if problem else 200,
            leads_to=origins(session),
            session=session,
            items=sessions.line_items(self.book, session["id"]),
            merchant=self.processor.merchant,
            values=values,
            problem=problem,
        )

    async def submit(self, request: Request) -> Response:
        """A button of the payment form."""
        async with request.form() as form:
            typed = {key: str(value) for key, value in form.items()}
        session = self.book.get(request.path_params["id"], "checkout.session")
        if session is None or session["status"] == "expired":
            return self.show(session)
        if session["status"] == "complete":
            # The second click of two; the first one paid.
            return RedirectResponse(return_url(session), status_code=303)
        try:
            attempt = self.read_attempt(session, typed)
        except CardRefused as error:
            return self.show(session, str(error), typed)
        session = self.carry_out(session, attempt)
        if session["status"] == "open":
            return self.show(session, attempt.decline.message if attempt.decline else "", typed)
        return RedirectResponse(return_url(session), status_code=303)

    def read_attempt(self, session: Body, typed: dict[str, str]) -> Attempt:
        """What the form says; raises CardRefused."""
        email = typed.get("email", "").strip()[:512]
        if session["amount_total"] == 0:
            return Attempt("paid", email=email)
        if typed.get("action") == "later":
            seconds = typed.get("seconds", "")
            delay = float(seconds) if re.fullmatch(r"\d{1,4}", seconds, re.ASCII) else DELAY_SECONDS
            outcome = "delayed_failed" if typed.get("later") == "failed" else "delayed_paid"
            return Attempt(outcome, self.test_card(), email=email, delay=min(delay, MAX_DELAY))
        card, decline = read_card(typed, self.now())
        return Attempt("declined" if decline else "paid", card, decline, email)

    def carry_out(self, session: Body, attempt: Attempt) -> Body:
        """Do what was asked of an open session; the session as it is then."""
        now = self.processor.clock()
        with self.book.writing():
            if attempt.outcome in {"paid", "declined"}:
                changed = sessions.pay(
                    self.book, session, attempt.card, attempt.decline, attempt.email, attempt.cause, now
                )
            elif attempt.card is not None and attempt.outcome.startswith("delayed"):
                changed = sessions.pay_later(
                    self.book,
                    session,
                    attempt.card,
                    attempt.email,
                    attempt.cause,
                    now,
                    after=attempt.delay,
                    succeeds=attempt.outcome == "delayed_paid",
                )
            else:
                changed = session
        self.processor.wake()
        return changed

    async def control_pay(self, request: Request) -> Response:
        """Do to a session what a person could do on its page, without the page."""
        session = self.book.get(request.path_params["id"], "checkout.session")
        if session is None:
            return JSONResponse({"error": "There is no such session."}, status_code=404)
        try:
            attempt = self.read_control(await request.json(), session)
        except (ControlRefused, JSONDecodeError, UnicodeDecodeError) as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        if attempt.outcome == "cancel":
            return JSONResponse({"session": session, "redirect": session["cancel_url"]})
        if session["status"] != "open":
            return JSONResponse({"error": f"The session is {session['status']}."}, status_code=409)
        session = self.carry_out(session, attempt)
        paid = session["status"] == "complete"
        problem = attempt.decline.message if attempt.decline else None
        return JSONResponse(
            {"session": session, "redirect": return_url(session) if paid else None, "problem": problem}
        )

    def read_control(self, body: object, session: Body) -> Attempt:
        """A control request {"outcome", "webhook", "delay", "late", "email"}; raises ControlRefused."""
        if not isinstance(body, dict):
            raise ControlRefused("The body is not a JSON object.")
        outcome, webhook = body.get("outcome", "paid"), body.get("webhook", "now")
        if outcome not in OUTCOMES:
            raise ControlRefused(f"outcome must be one of {', '.join(OUTCOMES)}.")
        if webhook not in DELIVERY_MODES:
            raise ControlRefused(f"webhook must be one of {', '.join(DELIVERY_MODES)}.")
        delay, late = body.get("delay", DELAY_SECONDS), body.get("late", LATE_SECONDS)
        if not all(
            isinstance(seconds, int | float) and 0 <= seconds <= MAX_DELAY for seconds in (delay, late)
        ):
            raise ControlRefused(f"delay and late are seconds, {MAX_DELAY:.0f} at most.")
        return Attempt(
            outcome,
            self.test_card(),
            DECLINED if outcome == "declined" else None,
            str(body.get("email") or session["customer_email"] or ""),
            float(delay),
            Cause(webhook=webhook, late=float(late)),
        )

    def test_card(self) -> Card:
        """The card that always pays."""
        return Card("visa", PAYING[-4:], 12, self.now().year + 5)

    def now(self) -> datetime:
        """The processor's time."""
        return datetime.fromtimestamp(self.processor.clock(), UTC)

    async def control_state(self, request: Request) -> Response:
        """Everything the processor knows, newest first."""
        deliveries = [item.__dict__ for item in reversed(self.book.deliveries())]
        kinds = {"sessions": "checkout.session", "payment_intents": "payment_intent", "charges": "charge"}
        kinds |= {"refunds": "refund", "events": "event"}
        return JSONResponse(
            {**{name: self.book.select(kind) for name, kind in kinds.items()}, "deliveries": deliveries}
        )
