"""6. Ten thousand orders that wait for their customers: what they cost the workers, and how soon one that is ready is seen."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from benchmarks import cost, issuing, paid
from benchmarks.line import Line, median, ratios, spread_of
from benchmarks.scale import Scale
from benchmarks.stage import Stage, stage

MORE_AT_MOST = 1.05
DOORBELL_SECONDS = 1.0
SWEEP_SECONDS = 5
LOOKS_EVERY = timedelta(hours=1)  # validation/probing.py, a day after the customer's last step


def measure(scale: Scale) -> Line:
    count = max(4, scale.orders // 5)
    cpu: dict[str, list[float]] = {"none": [], "crowd": []}
    with stage(SWEEP_SECONDS=str(SWEEP_SECONDS)) as here:
        here.start_workers()
        issuing.warm_up(here)
        issuing.issue(here, count)
        idle = _idle(here, scale.seconds)
        before = cost.memory(here.worker_pids)[1]
        for _round in range(min(3, scale.rounds)):
            cpu["none"].append(issuing.issue(here, count).cpu_ms)
        small = cost.memory(here.worker_pids)[1]
        _crowd(scale.waiting)
        crowded = _idle(here, scale.seconds)
        for _round in range(min(3, scale.rounds)):
            cpu["crowd"].append(issuing.issue(here, count).cpu_ms)
        large = cost.memory(here.worker_pids)[1]
        rung = [_pick_up(here, number, ring=True) for number in range(max(3, scale.rounds))]
        silent = [_pick_up(here, number + 100, ring=False) for number in range(3)]
    # Both grow a little with every certificate: what the crowd adds is what is more than that.
    grown = large / small * before / max(before, 1)
    found = ratios(cpu["crowd"], cpu["none"])
    fine = (
        median(found) <= MORE_AT_MOST and grown <= MORE_AT_MOST and median(rung) <= DOORBELL_SECONDS
        and max(silent) <= SWEEP_SECONDS + DOORBELL_SECONDS
    )  # fmt: skip
    return Line(
        "crowd",
        f"{median(cpu['crowd']):.1f} ms of CPU a certificate, {large:.0f} MB",
        f"nobody waiting {median(cpu['none']):.1f} ms, {small:.0f} MB",
        f"{median(found):.2f} CPU, {grown:.2f} memory",
        f"<= {MORE_AT_MOST}; seen in <= {DOORBELL_SECONDS:.0f} s, or <= {SWEEP_SECONDS} s by the sweep",
        fine,
        spread_of(found),
        [
            f"{scale.waiting} orders waiting, each looked at once an hour; one that is ready was answered after "
            f"{median(rung):.2f} s with the doorbell (most {max(rung):.2f}), {max(silent):.2f} s at most without it",
            f"idle workers use {idle * 100:.1f} % of a core with nobody waiting, {crowded * 100:.1f} % with the crowd",
        ],
    )


def _idle(here: Stage, seconds: float) -> float:
    """Return the share of a core that the workers use while nothing is to be done but to wait."""
    time.sleep(1.0)
    before = here.workers_cpu()
    time.sleep(seconds)
    return (here.workers_cpu() - before) / seconds


def _crowd(count: int) -> None:
    """Orders a day old whose names never get their records, at every moment of the lookout's hour."""
    from django.utils import timezone

    from certificates.models import AcmeOrder, CaAccount, Issuance
    from validation.models import Authorization, Challenge

    now, account = timezone.now(), CaAccount.objects.get()
    since = now - timedelta(days=1)
    issuances = Issuance.objects.bulk_create(
        Issuance(
            plan=plan,
            names=_names(plan),
            key_type="ec-p256",
            csr=b"0",
            created_at=since,
            requested_by=plan.owner,
        )
        for plan in paid.plans(count, prefix="waiting")
    )
    run = issuances[0].pk.hex[:8]
    urls = [f"https://ca.example/{run}/{number}" for number in range(count)]
    orders = AcmeOrder.objects.bulk_create(
        AcmeOrder(
            issuance=issuance, owner_id=issuance.plan.owner_id, account=account, url=url,
            authorization_urls=[f"{url}/authz"], waiting_for="customer",
            created_at=since, intent_at=since, due_at=now + timedelta(minutes=10, seconds=number % 600),
            expires_at=now + timedelta(days=6),
        )
        for number, (issuance, url) in enumerate(zip(issuances, urls, strict=True))
    )  # fmt: skip
    rows = Authorization.objects.bulk_create(
        Authorization(
            owner_id=issuance.plan.owner_id, plan_id=issuance.plan_id, url=f"{url}/authz",
            identifier=issuance.names[0]["ascii"], method="dns-01", created_at=since, looks=1, finding={"slug": "dns_nothing"},
            expires_at=now + timedelta(days=6), due_at=now + LOOKS_EVERY * (number / count),
        )
        for number, (issuance, url) in enumerate(zip(issuances, urls, strict=True))
    )  # fmt: skip
    Challenge.objects.bulk_create(
        Challenge(
            authorization=row,
            url=f"{row.url}/c",
            type="dns-01",
            token="t" * 30,
            key_authorization="t" * 30 + ".k",
        )
        for row in rows
    )
    through = AcmeOrder.authorizations.through
    through.objects.bulk_create(
        through(acmeorder=order, authorization=row) for order, row in zip(orders, rows, strict=True)
    )


def _names(plan: Any) -> list[dict[str, Any]]:
    return [
        {"ascii": row.ascii, "wildcard": False, "method": "dns-01"} for row in plan.activation.names.all()
    ]


def _pick_up(here: Stage, number: int, *, ring: bool) -> float:
    """Publish one waiting order's record and press "Check now"; return the seconds until the CA was asked to look."""
    from django.utils import timezone

    from certificates import issuance as wishes
    from certificates.models import AcmeOrder
    from validation.models import Authorization

    [wanted] = paid.request_all(paid.plans(1, prefix=f"late{number}x"))
    order = AcmeOrder.objects.filter(issuance=wanted)
    pending = Authorization.objects.filter(acme_orders__issuance=wanted, looks__gt=0, lease_until=None)
    here.wait(lambda: pending.exists(), 30)
    # Back to the hourly look: whoever sees it sooner was told.
    pending.update(due_at=timezone.now() + LOOKS_EVERY)
    time.sleep(0.5 if ring else 1.3)
    here.publish(wanted.names[0]["ascii"])
    started = time.time()
    if ring:
        wishes.look_again(wanted, by=wanted.plan.owner, now=timezone.now())
    else:
        pending.update(due_at=timezone.now())
    here.wait(lambda: order.filter(answered_at__isnull=False).exists(), 30, pause=0.01)
    answered = order.get().answered_at
    return max(0.0, answered.timestamp() - started) if answered else 30.0
