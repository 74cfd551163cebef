"""Step 4 by Email: whom to ask about one name, and the same mail once more."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from audit.vocabulary import Action
from certificates import issuance as wishes
from certificates.activation import steps
from certificates.activation.approving import NameToShow
from certificates.activation.emailing import Choice, Emailing, Question, emailing_of
from certificates.activation.saving.story import note
from certificates.activation.views.approve import name_of, running
from certificates.activation.views.approvers import approvers_of
from certificates.activation.views.door import author_of, of_plan, page
from certificates.issuance import NotPossible
from certificates.models import Activation
from identifiers.names import Name
from validation.approval import asking
from validation.models.authorization import Method


@dataclass(frozen=True)
class Asking:
    """One name of a running request, and who can be asked about it."""

    name: NameToShow
    emailing: Emailing
    question: Question


@require_http_methods(["GET", "HEAD", "POST"])
@of_plan
def approver(request: HttpRequest, activation: Activation, position: int) -> HttpResponse:
    """Choose who is asked about one name, instead of another address or another method."""
    asked = _asking(activation, position)
    # Looked up first: nothing here may be slow once a row is held.
    stored = "" if asked.name.mail is not None and asked.name.mail.suggests_another else asked.question.stored
    choice = Choice(asked.question, approvers_of(request, asked.name.ascii), stored)
    if request.method != "POST":
        return _page(request, activation, asked, choice)
    key = request.POST.get(asked.question.key, "")
    recipient = choice.found.named(key) if choice.found is not None else None
    if recipient is None:
        told = choice.nobody or _("Choose who is asked to approve.")
        refused = Choice(asked.question, choice.found, key, told)
        return _page(request, activation, asked, refused, status=422)
    author, running_now = author_of(request), running(activation)
    try:
        wishes.change_method(
            running_now.issuance,
            asked.name.text,
            Method.EMAIL,
            by=author.user,
            now=author.now,
            approver=(recipient.address, recipient.domain),
        )
    except NotPossible as refused_wish:
        messages.error(request, str(refused_wish))
    else:
        note(
            activation, author, Action.ACTIVATION_SAVED, step=steps.APPROVE.slug,
            methods={asked.name.text: Method.EMAIL.value}, asked=recipient.address,
        )  # fmt: skip
    return redirect(steps.APPROVE.url(activation.plan_id))


@require_POST
@of_plan
def resend(request: HttpRequest, activation: Activation, position: int) -> HttpResponse:
    """`Send the mail again`: the same mail to the same recipient."""
    name = name_of(running(activation), position)
    if name.mail is None or name.mail.row is None:
        raise Http404
    author = author_of(request)
    try:
        asking.resend(name.mail.row, by=author.user, now=author.now, address=author.address)
    except asking.NotSendable as refused:
        messages.error(request, told(refused.slug))
    else:
        messages.success(request, _("We send the same mail to %(to)s again.") % {"to": name.mail.recipient})
    return redirect(steps.APPROVE.url(activation.plan_id))


def told(slug: str) -> str:
    """Say why a mail is not sent again."""
    return {
        "answered": _("The question was answered or taken back meanwhile."),
        "too_soon": _("The mail was sent a few minutes ago. Wait ten minutes before it is sent again."),
        "too_many": _("This mail was sent several times. Ask somebody else, or show the name another way."),
        "secret_gone": _("This mail cannot be sent again. Ask somebody else, or the same address once more."),
    }[slug]


def _asking(activation: Activation, position: int) -> Asking:
    approval = running(activation)
    name = name_of(approval, position)
    rows = [row for row in activation.names.all() if (row.ascii, row.wildcard) == (name.ascii, name.wildcard)]
    emailing = emailing_of(activation.plan, rows, timezone.now())
    if not emailing.offered or not rows or Name(name.ascii).is_ip:
        raise Http404
    return Asking(name, emailing, Question(1, name.ascii, tuple(rows)))


def _page(
    request: HttpRequest, activation: Activation, asked: Asking, choice: Choice, status: int = 200
) -> HttpResponse:
    return page(
        request,
        activation,
        steps.APPROVE,
        "approver.html",
        status=status,
        name=asked.name,
        choice=choice,
        emailing=asked.emailing,
    )
