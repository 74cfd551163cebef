"""The staff's own pages: what is stuck, where something is, and the whole story of a plan."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.audited_admin import ReasonForm
from accounts.people import signed_in
from certificates import issuance as wishes
from portal.backlog import backlogs
from portal.staff.doors import staff_with
from portal.staff.proofs import MethodForm
from portal.staff.search import search
from portal.staff.story import Story, story_of
from portal.staff.stuck import board
from portal.staff.stuck.machinery import title_of

SEES_STORIES = ("orders.view_order", "orders.view_plan", "certificates.view_issuance", "audit.view_entry")
RETRIGGERS = (*SEES_STORIES, "certificates.retrigger_validation")


@require_safe
@never_cache
@staff_with(*SEES_STORIES)
def home(request: HttpRequest) -> HttpResponse:
    """What is stuck and why, before anything else; the answer to a search instead when one was asked."""
    now, text = timezone.now(), request.GET.get("q", "").strip()
    if text:
        hits = search(text)
        if len(hits) == 1:
            return redirect(hits[0].url)
        return render(request, "portal/staff/search.html", {"q": text, "hits": hits, "now": now})
    found = list(backlogs(now))
    sections = board(now, request.user.has_perm, found)
    return render(
        request,
        "portal/staff/home.html",
        {
            "sections": sections,
            "stuck": any(section.groups for section in sections),
            "queues": [(title_of(one.queue), one, one.late(now)) for one in found],
            "now": now,
        },
    )


@require_safe
@never_cache
@staff_with(*SEES_STORIES)
def plan(request: HttpRequest, plan_id: uuid.UUID) -> HttpResponse:
    return show_story(request, story_or_404(plan_id))


@require_POST
@never_cache
@staff_with(*RETRIGGERS)
def look_again(request: HttpRequest, plan_id: uuid.UUID) -> HttpResponse:
    """Look at the customer's servers at once."""

    def wish(story: Story, reason: str) -> str:
        if story.running is None or not story.may_look_again:
            raise wishes.NotPossible(_("There is no order at a CA that could be looked at."))
        names = wishes.look_again(story.running, by=signed_in(request), now=timezone.now(), reason=reason)
        if not names:
            return _("The order moves on now. All its names have been seen already.")
        return ngettext("%d name is looked at now.", "%d names are looked at now.", names) % names

    return _retrigger(request, plan_id, "look", wish)


@require_POST
@never_cache
@staff_with(*RETRIGGERS)
def try_again(request: HttpRequest, plan_id: uuid.UUID) -> HttpResponse:
    """Open a new order of the same issuance, once the CA has given its verdict on the last one."""

    def wish(story: Story, reason: str) -> str:
        if story.running is None or not story.may_try_again:
            raise wishes.NotPossible(_("The CA has not given its verdict yet."))
        order = wishes.try_again(story.running, by=signed_in(request), now=timezone.now(), reason=reason)
        return _("Order no. %(attempt)d of the same request is opened at the CA.") % {
            "attempt": order.attempt
        }

    return _retrigger(request, plan_id, "try", wish)


def _retrigger(
    request: HttpRequest, plan_id: uuid.UUID, which: str, wish: Callable[[Story, str], str]
) -> HttpResponse:
    story, form = story_or_404(plan_id), ReasonForm(request.POST, prefix=which)
    if not form.is_valid():
        return show_story(request, story, status=422, **{f"{which}_form": form})
    try:
        messages.success(request, wish(story, form.cleaned_data["reason"]))
    except wishes.NotPossible as refused:
        messages.error(request, str(refused))
    return redirect("staff_plan", plan_id=plan_id)


def story_or_404(plan_id: uuid.UUID) -> Story:
    story = story_of(plan_id, timezone.now())
    if story is None:
        raise Http404
    return story


def show_story(request: HttpRequest, story: Story, status: int = 200, **forms: Any) -> HttpResponse:
    context = {
        "story": story,
        "plan": story.plan,
        "order": story.plan.item.order,
        "may_retrigger": request.user.has_perm("certificates.retrigger_validation"),
        "look_form": ReasonForm(prefix="look"),
        "try_form": ReasonForm(prefix="try"),
        "method_form": MethodForm(prefix="method", running=story.running) if story.running else None,
        "now": timezone.now(),
        **forms,
    }
    return render(request, "portal/staff/plan.html", context, status=status)
