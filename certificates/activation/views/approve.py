"""Step 4: what to publish, live, and the buttons beside it."""

from __future__ import annotations

import re
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from audit.vocabulary import Action
from certificates import issuance as wishes
from certificates.activation import handing_off, steps
from certificates.activation.approving import Approval, NameToShow, approval_of
from certificates.activation.saving.story import note
from certificates.activation.views import hosting_panel
from certificates.activation.views.door import author_of, of_plan, of_step, page
from certificates.issuance import NotPossible
from certificates.models import Activation, Certificate
from validation.methods import available_for

_FILE_NAME = re.compile(r"[A-Za-z0-9_-]{1,200}")


@require_GET
@of_step(steps.APPROVE)
def approve(request: HttpRequest, activation: Activation) -> HttpResponse:
    approval = approval_of(activation.plan, timezone.now())
    if approval is None:
        return redirect(_where_now(activation))
    return page(request, activation, steps.APPROVE, "approve.html", **_context(request, approval))


@require_GET
@of_plan
def live(request: HttpRequest, activation: Activation) -> HttpResponse:
    """What changed since the page was drawn: nothing (204), some parts, or the whole; or go to the overview."""
    approval = approval_of(activation.plan, timezone.now())
    if approval is None:
        return _leave(request, activation)
    if request.GET.get("state") == approval.state:
        return HttpResponse(status=204)
    return _parts(request, approval, request.GET.get("layout", ""))


@require_POST
@of_plan
def check(request: HttpRequest, activation: Activation) -> HttpResponse:
    """`Check now`. Whoever presses it at the moment of issue is taken to where the plan is looked at now."""
    approval = approval_of(activation.plan, timezone.now())
    if approval is None:
        return _leave(request, activation)
    author = author_of(request)
    woken = wishes.look_again(approval.issuance, by=author.user, now=author.now)
    told = (
        _("We are looking now.")
        if woken
        else _("There is nothing to look for right now: we wait for the CA.")
    )
    if not request.htmx:  # type: ignore[attr-defined]  # HtmxMiddleware
        messages.info(request, told)
        return redirect(steps.APPROVE.url(activation.plan_id))
    fresh = approval_of(activation.plan, timezone.now()) or approval
    return _parts(request, fresh, request.POST.get("layout", ""), told)


@require_POST
@of_plan
def insist(request: HttpRequest, activation: Activation, position: int) -> HttpResponse:
    """`Ask the CA anyway`: the customer sees the record although we do not."""
    name = name_of(running(activation), position)
    author = author_of(request)
    authorization = name.authorization
    if authorization is None:
        raise Http404
    return _wish(
        request,
        activation,
        lambda: wishes.insist(authorization, by=author.user, now=author.now),
        _("We ask the CA about %(name)s as soon as every other name is in place.") % {"name": name.text},
    )


@require_POST
@of_plan
def change_method(request: HttpRequest, activation: Activation, position: int) -> HttpResponse:
    """Show control of one name another way."""
    approval = running(activation)
    name = name_of(approval, position)
    method = request.POST.get("method", "")
    if method not in {offered.slug for offered in available_for(name.ascii, name.wildcard)}:
        messages.error(request, _("This method cannot be had for %(name)s.") % {"name": name.text})
        return redirect(steps.APPROVE.url(activation.plan_id))
    author = author_of(request)

    def change() -> None:
        wishes.change_method(approval.issuance, name.text, method, by=author.user, now=author.now)
        note(
            activation, author, Action.ACTIVATION_SAVED, step=steps.APPROVE.slug, methods={name.text: method}
        )

    return _wish(request, activation, change, "")


@require_POST
@of_plan
def try_again(request: HttpRequest, activation: Activation) -> HttpResponse:
    """`Try again` after the CA's verdict: a new order of the same request."""
    approval = running(activation)
    author = author_of(request)
    return _wish(
        request,
        activation,
        lambda: wishes.try_again(approval.issuance, by=author.user, now=author.now),
        _("We are opening a new order. The CA names new values: publish those that appear here."),
    )


@require_GET
@of_plan
def proof_file(request: HttpRequest, activation: Activation, position: int) -> HttpResponse:
    """`Download file`: exactly the bytes that the CA wants to find. They are no secret: the whole world may read them."""
    instruction = name_of(running(activation), position).instruction
    if instruction is None or instruction.kind != "http" or not _FILE_NAME.fullmatch(instruction.file_name):
        raise Http404
    response = HttpResponse(instruction.content, content_type="application/octet-stream")
    response["Content-Disposition"] = f'attachment; filename="{instruction.file_name}"'
    return response


# --- behind the doors ---------------------------------------------------------------------------------------


def running(activation: Activation) -> Approval:
    approval = approval_of(activation.plan, timezone.now())
    if approval is None:
        raise Http404
    return approval


def name_of(approval: Approval, position: int) -> NameToShow:
    if not 1 <= position <= len(approval.names):
        raise Http404
    return approval.names[position - 1]


def _leave(request: HttpRequest, activation: Activation) -> HttpResponse:
    """Go to where a plan without a running request is looked at."""
    if not request.htmx:  # type: ignore[attr-defined]  # HtmxMiddleware
        return redirect(_where_now(activation))
    return HttpResponse(headers={"HX-Redirect": _where_now(activation)})


def _where_now(activation: Activation) -> str:
    """Where a plan without a running request is looked at: issued ones on the overview, others in the wizard."""
    if Certificate.objects.filter(plan=activation.plan).exists():
        return reverse("overview", args=[activation.plan_id])
    step = steps.first_unfinished(activation)
    return (steps.METHODS if step is steps.APPROVE else step).url(activation.plan_id)


def _wish(request: HttpRequest, activation: Activation, wish: Any, told: str) -> HttpResponse:
    try:
        wish()
    except NotPossible as refused:
        messages.error(request, str(refused))
    else:
        if told:
            messages.success(request, told)
    return redirect(steps.APPROVE.url(activation.plan_id))


def _parts(request: HttpRequest, approval: Approval, layout: str, told: str = "") -> HttpResponse:
    news = approval.spoken if request.GET.get("news") != approval.news else ""
    context = _context(request, approval) | {"told": told or news, "parts": True}
    if layout == approval.layout:
        return render(request, "certificates/activation/approve_parts.html", context)
    response = render(request, "certificates/activation/approve_body.html", context)
    response["HX-Retarget"] = "#approve"
    response["HX-Reswap"] = "outerHTML"
    return response


def _context(request: HttpRequest, approval: Approval) -> dict[str, Any]:
    return {
        "approval": approval,
        "plan": approval.plan,
        "now": approval.now,
        "link": handing_off.link_of(approval.issuance, approval.now),
        "rows": [
            {
                "name": name,
                "panel": panel_link(request, name, steps.APPROVE.url(approval.plan.pk)),
                "often": approval.looking_often(name),
            }
            for name in approval.names
        ],
    }


def panel_link(request: HttpRequest, name: NameToShow, return_to: str) -> str:
    """The pretend hosting panel of the sandbox with the fields filled in; "" in production."""
    instruction = name.instruction
    if instruction is None:
        return ""
    if instruction.kind == "dns":
        fields = {"type": "TXT", "name": instruction.full_name, "value": instruction.value}
    else:
        fields = {
            "type": "file",
            "host": name.ascii,
            "path": instruction.path,
            "content": instruction.content,
        }
    return hosting_panel.link(request, fields, return_to)
