"""Support's buttons about names and mails: change a method, withdraw a proof, send a mail again. None skips a proof."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts.addresses import client_address
from accounts.audited_admin import ReasonForm
from accounts.people import signed_in
from accounts.resending import NotResendable, send_again
from certificates import issuance as wishes
from portal.staff.doors import staff_with
from portal.staff.proofs import MethodForm, prefix_of
from portal.staff.story import Story
from portal.views.staff import RETRIGGERS, show_story, story_or_404
from validation.approval import asking
from validation.ledger import AlreadyWithdrawn
from validation.models import Approval, Control

NOT_SENDABLE = {
    "answered": gettext_lazy("This question has been answered, or its link has ended."),
    "too_soon": gettext_lazy("A mail has just been sent. Please wait ten minutes."),
    "too_many": gettext_lazy("So many mails were sent already that one more would help nobody."),
    "secret_gone": gettext_lazy(
        "This link can no longer be made. Choose the recipient anew, so that another is sent."
    ),
}


@require_POST
@never_cache
@staff_with(*RETRIGGERS)
def change_method(request: HttpRequest, plan_id: uuid.UUID) -> HttpResponse:
    """Have one name shown another way from now on; what is proven stays proven."""
    story = story_or_404(plan_id)
    if story.running is None:
        messages.error(request, _("There is no request under way whose method could be changed."))
        return redirect("staff_plan", plan_id=plan_id)
    form = MethodForm(request.POST, prefix="method", running=story.running)
    if not form.is_valid():
        return show_story(request, story, status=422, method_form=form)
    name, method = form.cleaned_data["name"], form.cleaned_data["method"]
    try:
        wishes.change_method(
            story.running, name, method, by=signed_in(request), now=timezone.now(),
            reason=form.cleaned_data["reason"],
        )  # fmt: skip
        messages.success(request, _("%(name)s is shown another way from now on.") % {"name": name})
    except wishes.NotPossible as refused:
        messages.error(request, str(refused))
    return redirect("staff_plan", plan_id=plan_id)


@require_POST
@never_cache
@staff_with(*RETRIGGERS)
def withdraw_control(request: HttpRequest, plan_id: uuid.UUID, control_id: int) -> HttpResponse:
    """Trust a proof no longer: the name has to be shown again before the next certificate."""
    story = story_or_404(plan_id)
    control = _of_story(story, control_id)
    form = ReasonForm(request.POST, prefix=prefix_of(control_id))
    if not form.is_valid():
        return show_story(request, story, status=422, withdraw_form=form, withdraw_id=control_id)
    try:
        orders = wishes.withdraw_control(
            control, form.cleaned_data["reason"], by=signed_in(request), now=timezone.now()
        )
    except AlreadyWithdrawn:
        messages.error(request, _("This proof was withdrawn before."))
        return redirect("staff_plan", plan_id=plan_id)
    done = _("What proved %(name)s is withdrawn.") % {"name": control.text}
    again = ngettext("%d order has to show it again.", "%d orders have to show it again.", orders) % orders
    messages.success(request, f"{done} {again}" if orders else done)
    return redirect("staff_plan", plan_id=plan_id)


def _of_story(story: Story, control_id: int) -> Control:
    """Return the proof, if it is of this plan's owner and of one of its names. Raises Http404."""
    known = {proof.control.pk: proof.control for name in story.proofs for proof in name.proofs}
    if control_id not in known:
        raise Http404
    return known[control_id]


@require_POST
@never_cache
@staff_with(*RETRIGGERS, "accounts.view_letter")
def resend_letter(request: HttpRequest, plan_id: uuid.UUID, letter_id: int) -> HttpResponse:
    """Try a mail again that no mail server has taken yet."""
    story = story_or_404(plan_id)
    letter = next((letter for letter in story.letters if letter.pk == letter_id), None)
    if letter is None:
        raise Http404
    try:
        send_again(letter, by=signed_in(request), now=timezone.now(), address=client_address(request))
        messages.success(request, _("The mail to %(to)s is tried again now.") % {"to": letter.to})
    except NotResendable:
        messages.error(request, _("This mail was sent or given up; its text is not kept."))
    return redirect("staff_plan", plan_id=plan_id)


@require_POST
@never_cache
@staff_with(*RETRIGGERS, "validation.view_approval")
def resend_approval(request: HttpRequest, plan_id: uuid.UUID, approval_id: uuid.UUID) -> HttpResponse:
    """Send the domain's owner the same mail once more."""
    approval = get_object_or_404(Approval, pk=approval_id, plan_id=plan_id)
    try:
        asking.resend(approval, by=signed_in(request), now=timezone.now(), address=client_address(request))
        messages.success(request, _("The mail to %(to)s is sent again now.") % {"to": approval.recipient})
    except asking.NotSendable as refused:
        messages.error(request, str(NOT_SENDABLE.get(refused.slug, refused.slug)))
    return redirect("staff_plan", plan_id=plan_id)
