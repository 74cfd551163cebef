"""Many customers at once, in a process of their own: they order, pay, type, and wait for what they paid for."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests
from celery import current_app
from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections, connection
from django.db.models import Exists, Max, Min, OuterRef
from django.utils import timezone

from accounts.models import Letter
from certificates import issuance
from certificates.models import AcmeOrder, Certificate, PrivateKey
from leases.doorbell import SWEEP
from orders import checkout
from orders.models import Order, Payment, Plan
from tests.chaos.story import Story, begin, facts, fill_in
from tests.factories import CaAccountFactory
from tests.orders.fake_gateway import event, signed

log = logging.getLogger(__name__)

AT_ONCE = 4
PAUSE = 0.2


def shop(job: dict[str, Any]) -> dict[str, Any]:
    """`count` orders, two for each name; return how long they took from the first event, and what became of each.

    Who orders a name twice asks for the second certificate when the first one is there: the CA then finds its proof.

    The file `waiting` is there from the first event until everybody has a certificate, and says how many have one.
    """
    run = job["run"]
    orders = fill_baskets(run, job["count"], job["town"]["ca"], job.get("shared", False))
    waiting = Path(job["waiting"])
    waiting.touch()
    began = time.monotonic()
    tills = threading.Thread(target=ring_up, args=(orders, job["web"]), daemon=True)
    tills.start()
    end = began + job["patience"]
    while time.monotonic() < end:
        done = persist(issued, run)
        if done == len(orders) and persist(nothing_waits):
            break
        waiting.write_text(str(done))
        persist(type_in)
        time.sleep(PAUSE)
    took = time.monotonic() - began
    waiting.unlink()
    return {"seconds": took, "keys": persist(keys_of, run), "reuse": persist(reuse, run), "orders": {
        order: {**persist(facts, Story(order)), "email": persist(email_of, order), "span": persist(span, order)}
        for order in orders
    }}  # fmt: skip


def fill_baskets(run: str, count: int, ca: dict[str, str], shared: bool) -> list[str]:
    account = CaAccountFactory(
        name=f"CA of {run}", directory_url=ca["directory_url"], roots_pem=ca["roots_pem"],
        terms_agreed_at=timezone.now(), shared=shared,
    )  # fmt: skip
    orders = []
    for number in range(count):
        first = number < (count + 1) // 2
        name = f"n{number if first else number - (count + 1) // 2}.{run}.example"
        like = None if first else orders[number - (count + 1) // 2]
        orders.append(begin(f"{run}-{number}", [name], ca, account.pk, like))
    for order in Order.objects.select_related("owner").filter(owner__email__startswith=f"{run}-"):
        checkout.start_payment(order, by=order.owner, now=timezone.now())
    return orders


def email_of(order: str) -> str:
    return str(Order.objects.select_related("owner").get(pk=order).owner.email)


def ring_up(orders: list[str], web: str) -> None:
    """Everybody pays; the gateway tells the portal about it until the portal says that it has heard."""
    pages = dict(Payment.objects.filter(order_id__in=orders).values_list("order_id", "session_id"))
    connection.close()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda session: notify(str(session), web), [pages[key] for key in pages]))


def notify(session: str, web: str) -> None:
    requests.post(f"{settings.STRIPE_API_BASE}/v1/test/pay/{session}", timeout=10).raise_for_status()
    document = event("checkout.session.completed", {"id": session}, f"evt_{session}")
    while True:
        body, signature = signed(document)
        headers = {"Stripe-Signature": signature, "Content-Type": "application/json"}
        try:
            if requests.post(f"{web}/webhooks/stripe/", body, headers=headers, timeout=10).status_code == 200:
                return
        except requests.RequestException:
            pass
        time.sleep(PAUSE)


def type_in() -> None:
    """The wizard of everybody whose plan has been opened, and who has what they ordered before."""
    before = Order.objects.filter(
        owner=OuterRef("owner"), created_at__lt=OuterRef("item__order__created_at")
    ).exclude(items__plan__in=Certificate.objects.values("plan"))
    typing = Plan.objects.filter(~Exists(before), issuances__isnull=True)
    for plan in typing.select_related("owner")[:50]:
        fill_in(plan)
        issuance.request(plan, by=plan.owner, now=timezone.now())


def keys_of(run: str) -> int:
    return PrivateKey.objects.filter(owner__email__startswith=f"{run}-").count()


def reuse(run: str) -> dict[str, int]:
    """Count the authorizations that the run's orders at the CA were given, and those that an earlier order had before."""
    given = AcmeOrder.authorizations.through.objects.filter(
        acmeorder__issuance__plan__owner__email__startswith=f"{run}-"
    )
    return {
        "given": given.count(),
        "reused": given.count() - given.values("authorization").distinct().count(),
    }


def span(order: str) -> list[float]:
    """Return when the order first went to the CA and when its last try there ended, in seconds since 1970."""
    tries = AcmeOrder.objects.filter(issuance__plan__item__order_id=order)
    moments = tries.aggregate(Min("created_at"), Max("ended_at"))
    return [moment.timestamp() for moment in moments.values() if moment is not None]


def issued(run: str) -> int:
    return Certificate.objects.filter(plan__owner__email__startswith=f"{run}-").count()


def nothing_waits() -> bool:
    busy = AcmeOrder.objects.filter(due_at__isnull=False).exists()
    return not busy and not Letter.objects.filter(due_at__isnull=False).exists()


def persist(ask: Callable[..., Any], *words: Any) -> Any:
    """Ask again while the database is away, as people press Reload."""
    while True:
        close_old_connections()
        try:
            return ask(*words)
        except (DatabaseError, InterfaceError) as error:
            log.warning("%s: %s", getattr(ask, "__name__", ask), str(error).strip()[:200])
            connection.close()
            time.sleep(PAUSE)


def echo(job: dict[str, Any]) -> dict[str, Any]:
    """Celery delivers one message twice, and once more when nobody expects it."""
    for seconds in (0, 0, 3):
        current_app.send_task(SWEEP, task_id=f"echo-{job['number']}", ignore_result=True, countdown=seconds)
    return {}
