"""What stands at the CA, and what was found, while a wizard is at step 4."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from certificates.models import AcmeOrder
from validation.models import Authorization, Challenge, Delegation
from validation.problems import Finding

TOKEN = "tokenAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


def open_order(wizard, **order):
    """What the issuance loop writes once the CA has opened the order: authorizations with both challenges."""
    now = timezone.now()
    row = AcmeOrder.objects.get(issuance=wizard.running, status="pending")
    for entry in wizard.running.names:
        authorization = Authorization.objects.create(
            owner=wizard.plan.owner,
            plan_id=wizard.plan.pk,
            url=f"https://ca.example/authz/{entry['ascii']}/{entry['wildcard']}/{row.attempt}",
            identifier=entry["ascii"],
            wildcard=entry["wildcard"],
            method=entry["method"],
            created_at=now,
            due_at=now + timedelta(minutes=2),
        )
        row.authorizations.add(authorization)
        for kind in ("http-01", "dns-01"):
            Challenge.objects.create(
                authorization=authorization,
                url=f"{authorization.url}/{kind}",
                type=kind,
                token=f"{TOKEN}{row.attempt}",
                key_authorization=f"{TOKEN}{row.attempt}.thumbprint",
            )
    AcmeOrder.objects.filter(pk=row.pk).update(
        **({"url": f"https://ca.example/order/{row.pk}", "waiting_for": "customer", "due_at": now} | order)
    )
    return row


def found(wizard, slug="dns_wrong_value", *, in_place=False, seen="something else", **facts):
    finding = Finding(slug, in_place, expected="e", seen=seen, facts=facts, repair="the repair line")
    shown = timezone.now() if in_place else None
    Authorization.objects.update(
        finding=finding.as_json(),
        shown_at=shown,
        looks=1,
        due_at=None if in_place else timezone.now() + timedelta(minutes=2),
    )


def ask_live(wizard, page=None, **more):
    """What htmx asks next, with the fingerprints that the last page carried."""
    approval = (page or wizard.get("activation-approve")).context["approval"]
    known = {"state": approval.state, "layout": approval.layout, "news": approval.news}
    return wizard.get("activation-live", data=known | more, headers={"hx-request": "true"})


def refuse(wizard, kind="unauthorized", detail="Incorrect TXT record <b>found</b>"):
    problem = {
        "type": f"urn:ietf:params:acme:error:{kind}",
        "detail": detail,
        "status": 403,
        "subproblems": [],
    }
    Authorization.objects.update(status="invalid", problem=problem, due_at=None)
    AcmeOrder.objects.update(
        status="invalid", waiting_for="customer", problem=problem, ended_at=timezone.now(), due_at=None
    )


def rest(wizard):
    """What the issuance loop writes when nobody has published anything until the order expired."""
    problem = {"type": "chancery:order_unattended", "detail": "What was to be published has expired."}
    Authorization.objects.update(status="invalid", due_at=None)
    AcmeOrder.objects.update(
        status="invalid", waiting_for="customer", problem=problem, ended_at=timezone.now(), due_at=None
    )


def seen_finding(slug, repair="", remove=(), **facts):
    finding = Finding(
        slug, False, expected="e", seen="s", facts={"name": "n"} | facts, repair=repair, remove=remove
    )
    later = timezone.now() + timedelta(minutes=2)
    Authorization.objects.update(finding=finding.as_json(), looks=1, due_at=later)


def set_up_once(owner, kind="cname", name="shop.example"):
    now = timezone.now()
    return Delegation.objects.create(
        owner=owner, identifier=name, kind=kind, zone="dcv.portal.example", created_at=now, seen_at=now
    )
