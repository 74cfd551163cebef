"""The door of every page of the wizard: whose plan, does it run, is the step open."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from accounts.addresses import client_address
from accounts.people import signed_in
from certificates.activation import once, steps
from certificates.activation.opening import open_activation
from certificates.activation.saving import Author
from certificates.activation.verdicts import Verdict, verdict_of
from certificates.models import Activation, Issuance
from orders.models import Plan

More = ParamSpec("More")
View = Callable[Concatenate[HttpRequest, Activation, More], HttpResponse]
Door = Callable[..., HttpResponse]
RUNNING = (Plan.State.OPEN, Plan.State.ACTIVE)


def of_plan(view: View[More]) -> Door:
    """Turn a view of an activation into one of a plan id: 404 for strangers, a plain page where the plan does not run."""

    @login_required
    @never_cache
    @wraps(view)
    def guarded(
        request: HttpRequest, plan_id: uuid.UUID, *args: More.args, **kwargs: More.kwargs
    ) -> HttpResponse:
        mine = Plan.objects.of(signed_in(request)).select_related("product", "item__order")
        plan = get_object_or_404(mine, pk=plan_id)
        if plan.state not in RUNNING:
            status = 200 if request.method in {"GET", "HEAD"} else 403
            return render(request, "certificates/activation/closed.html", {"plan": plan}, status=status)
        return view(request, open_activation(plan), *args, **kwargs)

    return guarded


def of_step(step: steps.Step) -> Callable[[View[More]], Door]:
    """As `of_plan`, and send people who come too early to the step where they left off."""

    def decorate(view: View[More]) -> Door:
        @wraps(view)
        def opened(
            request: HttpRequest, activation: Activation, *args: More.args, **kwargs: More.kwargs
        ) -> HttpResponse:
            if not steps.may_open(activation, step):
                messages.info(request, _("First complete this step; the next ones open after it."))
                return redirect(steps.first_unfinished(activation).url(activation.plan_id))
            return view(request, activation, *args, **kwargs)

        return of_plan(opened)

    return decorate


def author_of(request: HttpRequest) -> Author:
    return Author(signed_in(request), timezone.now(), client_address(request))


def page(
    request: HttpRequest,
    activation: Activation,
    step: steps.Step,
    template: str,
    *,
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    """Render one step with what all four share."""
    context = {
        "activation": activation,
        "plan": activation.plan,
        "order": activation.plan.item.order,
        "names": list(activation.names.all()),
        "step": step,
        "steps": steps.stepper(activation, step),
        "editable": steps.editable(activation.plan),
        "since": step.version(activation),
        "draft": activation.drafts.get(step.slug),
        "failure": _failure(activation),
        # Called by the pages that invite to it, and by no other.
        "once_recommended": partial(once.recommended, activation),
        "once_offered": partial(once.offered, activation),
    }
    return render(request, f"certificates/activation/{template}", context | more, status=status)


def _failure(activation: Activation) -> Verdict | None:
    """Return why the CA refused the last request for good, None while there is no such refusal to mend."""
    rows = Issuance.objects.filter(plan_id=activation.plan_id).exclude(state=Issuance.State.WITHDRAWN)
    newest = rows.order_by("-created_at").only("state", "problem").first()
    if newest is None or newest.state != Issuance.State.FAILED:
        return None
    return verdict_of(newest.problem) or Verdict("", "", "")


def too_late(request: HttpRequest, activation: Activation, refused: Exception) -> HttpResponse:
    messages.error(request, str(refused))
    return redirect("overview", activation.plan_id)
