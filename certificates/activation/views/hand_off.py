"""The link for whoever publishes: made and withdrawn by the buyer, opened by anybody who has it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.addresses import client_address
from certificates.activation import handing_off, steps
from certificates.activation.handing_off import HandOff
from certificates.activation.views.approve import panel_link, running
from certificates.activation.views.door import author_of, of_plan
from certificates.models import Activation

More = ParamSpec("More")
_FILE_NAME = re.compile(r"[A-Za-z0-9_-]{1,200}")


# --- the buyer ------------------------------------------------------------------------------------------------


@require_POST
@of_plan
def make(request: HttpRequest, activation: Activation) -> HttpResponse:
    handing_off.make(running(activation).issuance, author_of(request))
    return redirect(f"{steps.APPROVE.url(activation.plan_id)}#hand-off-card")


@require_POST
@of_plan
def withdraw(request: HttpRequest, activation: Activation) -> HttpResponse:
    handing_off.withdraw(running(activation).issuance, author_of(request))
    messages.success(request, _("The link no longer works."))
    return redirect(steps.APPROVE.url(activation.plan_id))


# --- whoever has the link ---------------------------------------------------------------------------------------


def by_link(
    view: Callable[Concatenate[HttpRequest, HandOff, More], HttpResponse],
) -> Callable[..., HttpResponse]:
    """Turn a view of a hand-off into one of a token: 404 for one that was never ours, a plain page once it is over."""

    @never_cache
    @wraps(view)
    def guarded(request: HttpRequest, token: str, *args: More.args, **kwargs: More.kwargs) -> HttpResponse:
        try:
            hand_off = handing_off.opened(token, timezone.now())
        except LookupError as unknown:
            raise Http404 from unknown
        except handing_off.Over as over:
            if request.htmx:  # type: ignore[attr-defined]  # HtmxMiddleware
                return HttpResponse(headers={"HX-Refresh": "true"})
            context, status = {"issued": over.issued}, 200 if over.issued else 410
            return render(request, "certificates/activation/hand_off_over.html", context, status=status)
        return view(request, hand_off, *args, **kwargs)

    return guarded


@require_safe
@by_link
def page(request: HttpRequest, hand_off: HandOff) -> HttpResponse:
    return _render(request, hand_off, "hand_off.html")


@require_safe
@by_link
def live(request: HttpRequest, hand_off: HandOff) -> HttpResponse:
    """What changed since the page was drawn: nothing (204), or the part below its heading."""
    if request.GET.get("state") == hand_off.state:
        return HttpResponse(status=204)
    return _render(request, hand_off, "hand_off_body.html")


@require_POST
@by_link
def check(request: HttpRequest, hand_off: HandOff) -> HttpResponse:
    """`Check now`, once in a while for each name, whoever presses it."""
    now = timezone.now()
    woken = handing_off.look(hand_off, now, client_address(request))
    text = (
        _("We are looking now.")
        if woken
        else _("We have looked a moment ago. Wait ten seconds, or just leave this page open.")
    )
    if request.htmx:  # type: ignore[attr-defined]  # HtmxMiddleware
        return _render(request, handing_off.opened(hand_off.token, now), "hand_off_body.html", told=text)
    messages.info(request, text)
    return redirect("hand-off", hand_off.token)


@require_safe
@by_link
def proof_file(request: HttpRequest, hand_off: HandOff, position: int) -> HttpResponse:
    """`Download file`: the bytes that the CA wants to find, which the whole world will read."""
    name = next((name for name in hand_off.names if name.position == position), None)
    instruction = name.instruction if name is not None else None
    if instruction is None or instruction.kind != "http" or not _FILE_NAME.fullmatch(instruction.file_name):
        raise Http404
    response = HttpResponse(instruction.content, content_type="application/octet-stream")
    response["Content-Disposition"] = f'attachment; filename="{instruction.file_name}"'
    return response


def _render(request: HttpRequest, hand_off: HandOff, template: str, told: str = "") -> HttpResponse:
    path = handing_off.path_of(hand_off.token)
    context = {
        "hand_off": hand_off,
        "now": hand_off.request.now,
        "told": told,
        "rows": [
            {
                "name": name,
                "panel": panel_link(request, name, path),
                "often": hand_off.request.looking_often(name),
            }
            for name in hand_off.names
        ],
    }
    return render(request, f"certificates/activation/{template}", context)
