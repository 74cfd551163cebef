"""Steps 1 to 3: the pages on which a certificate is configured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from allauth.core import ratelimit
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.people import signed_in
from certificates.activation import foreseen, steps
from certificates.activation.burnt import without_private_keys
from certificates.activation.emailing import Choice, emailing_of
from certificates.activation.forms.contacts import ADMIN_FIELDS, TECH_FIELDS, ContactsForm
from certificates.activation.forms.csr import GENERATED_FIELDS, SUBJECT_FIELDS, CsrForm
from certificates.activation.forms.methods import MethodsForm
from certificates.activation.forms.names import slots_of
from certificates.activation.saving import contacts as saving_contacts
from certificates.activation.saving import csr as saving_csr
from certificates.activation.saving import drafts, finishing
from certificates.activation.saving import methods as saving_methods
from certificates.activation.steps import TooLate
from certificates.activation.views.approvers import approvers_of
from certificates.activation.views.door import author_of, of_plan, of_step, page, too_late
from certificates.issuance import NotPossible, NotReady
from certificates.models import Activation


@require_GET
@of_plan
def resume(request: HttpRequest, activation: Activation) -> HttpResponse:
    """Go to the first unfinished step."""
    return redirect(steps.first_unfinished(activation).url(activation.plan_id))


def fields_of(activation: Activation, step: steps.Step) -> tuple[str, ...]:
    """Return the fields of a step that are kept while they are not accepted yet."""
    if step is steps.CONTACTS:
        return (*ADMIN_FIELDS, "tech_same", *TECH_FIELDS)
    lines = (slot.key for slot in slots_of(activation.plan))
    return ("csr_source", "common", "csr", *GENERATED_FIELDS, *lines)


@require_POST
@sensitive_post_parameters()
@of_plan
def keep_draft(request: HttpRequest, activation: Activation, step_slug: str) -> HttpResponse:
    """Keep what is typed while it is being typed; answers 204 and changes nothing that is in effect."""
    step = next(step for step in steps.STEPS if step.slug == step_slug)
    typed, _burnt = without_private_keys(request.POST)
    try:
        since = request.POST.get("since", "")
        drafts.keep(activation, step, _texts(typed), fields_of(activation, step), since=since)
    except TooLate:
        return HttpResponse(status=409)
    return HttpResponse(status=204)


# --- Step 1 -------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters()
@of_plan
def csr(request: HttpRequest, activation: Activation) -> HttpResponse:
    if request.method != "POST":
        return page(request, activation, steps.CSR, "csr.html", form=_opened_csr_form(activation))
    form = _posted_csr_form(request, activation)
    try:
        if not form.is_valid():
            return _refused_csr(request, activation, form)
        return _saved_csr(request, activation, form)
    except (TooLate, NotPossible) as refused:
        return too_late(request, activation, refused)


@require_POST
@sensitive_post_parameters()
@of_plan
def verify_csr(request: HttpRequest, activation: Activation) -> HttpResponse:
    """Show what is in the pasted CSR: the verdict alone for htmx, the whole page without JavaScript."""
    form = _posted_csr_form(request, activation, csr_source=Activation.CsrSource.PASTED.value)
    form.is_valid()
    try:
        _keep_draft(activation, steps.CSR, form)
    except TooLate as refused:
        return too_late(request, activation, refused)
    if request.htmx:  # type: ignore[attr-defined]  # HtmxMiddleware
        context = {"form": form, "plan": activation.plan, "alone": True}
        return render(request, "certificates/activation/csr_verdict.html", context)
    return page(request, activation, steps.CSR, "csr.html", form=form)


def _posted_csr_form(request: HttpRequest, activation: Activation, **instead: str) -> CsrForm:
    typed, burnt = without_private_keys(request.POST)
    for field, value in instead.items():
        typed[field] = value
    return CsrForm(typed, activation=activation, burnt=burnt)


def _opened_csr_form(activation: Activation) -> CsrForm:
    """The form as it was left; a CSR that is there already is judged at once, so that its verdict is on the page."""
    form = CsrForm(activation=activation)
    if form.initial["csr_source"] == Activation.CsrSource.PASTED and form.initial["csr"]:
        form = CsrForm(form.initial, activation=activation)
        form.is_valid()
    return form


def _refused_csr(request: HttpRequest, activation: Activation, form: CsrForm) -> HttpResponse:
    _keep_draft(activation, steps.CSR, form)
    return page(request, activation, steps.CSR, "csr.html", form=form, refused=True, status=422)


def _saved_csr(request: HttpRequest, activation: Activation, form: CsrForm) -> HttpResponse:
    cleaned = form.cleaned_data
    subject = {field: cleaned.get(field, "") for field in SUBJECT_FIELDS}
    choice = saving_csr.Choice(form.names, form.report, cleaned.get("key_type", ""), subject)
    if saving_csr.save(activation, choice, author_of(request)):
        messages.info(
            request,
            _("Your earlier request was withdrawn. Press Finish in step 3 to request the certificate again."),
        )
    for warning in form.burnt.values():
        messages.warning(request, warning)
    if form.adopt:
        messages.success(request, _("The names of this certificate are now those of your CSR."))
        return redirect(steps.CSR.url(activation.plan_id))
    return redirect(steps.CONTACTS.url(activation.plan_id))


def _keep_draft(activation: Activation, step: steps.Step, form: CsrForm | ContactsForm) -> None:
    drafts.keep(activation, step, _texts(form.data), fields_of(activation, step))


def _texts(typed: Mapping[str, Any]) -> dict[str, str]:
    return {field: str(value) for field, value in typed.items()}


# --- Step 2 -------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters()
@of_step(steps.CONTACTS)
def contacts(request: HttpRequest, activation: Activation) -> HttpResponse:
    if request.method != "POST":
        return page(
            request, activation, steps.CONTACTS, "contacts.html", form=ContactsForm(activation=activation)
        )
    typed, burnt = without_private_keys(request.POST)
    form = ContactsForm(typed, activation=activation, burnt=burnt)
    try:
        if not form.is_valid():
            _keep_draft(activation, steps.CONTACTS, form)
            return page(
                request, activation, steps.CONTACTS, "contacts.html", form=form, refused=True, status=422
            )
        saving_contacts.save(activation, form.cleaned_data, author_of(request))
    except TooLate as refused:
        return too_late(request, activation, refused)
    return redirect(steps.METHODS.url(activation.plan_id))


# --- Step 3 -------------------------------------------------------------------------------------------------


@require_GET
@of_step(steps.METHODS)
def approvers(request: HttpRequest, activation: Activation, number: int) -> HttpResponse:
    """The select of who can be asked about the names below one domain: its DNS is looked up when Email is chosen."""
    emailing = emailing_of(activation.plan, list(activation.names.all()), timezone.now())
    question = next((question for question in emailing.questions if question.number == number), None)
    if question is None or not emailing.offered:
        raise Http404
    choice = Choice(question, approvers_of(request, question.domain), question.stored)
    return render(request, "certificates/activation/approver_choice.html", {"choice": choice})


@require_POST
@of_step(steps.METHODS)
def foresee(request: HttpRequest, activation: Activation) -> HttpResponse:
    """Look what stands in the way of each name: the part alone for htmx, the whole page without JavaScript.

    By POST, since others' servers are asked.
    """
    may_look = bool(ratelimit.consume(request, action="foresee", user=signed_in(request)))
    names = foreseen.foreseen(activation, may_look=may_look)
    if not request.htmx:  # type: ignore[attr-defined]  # HtmxMiddleware
        return redirect(f"{steps.METHODS.url(activation.plan_id)}#foreseen-title")
    again = may_look and _left(names)
    context = {"plan": activation.plan, "foreseen": names, "again": again, "spoken": foreseen.spoken(names)}
    return render(request, "certificates/activation/foreseen.html", context)


def _left(names: Sequence[foreseen.Foreseen]) -> bool:
    """Tell whether some name is still to be looked at."""
    return any(name.looked is None for name in names)


def _methods_page(request: HttpRequest, activation: Activation, **more: Any) -> HttpResponse:
    """Step 3 with what is remembered of its names; nobody is asked for it."""
    names = foreseen.foreseen(activation, may_look=False) if steps.editable(activation.plan) else []
    return page(
        request, activation, steps.METHODS, "methods.html", foreseen=names, again=_left(names), **more
    )


@require_http_methods(["GET", "HEAD", "POST"])
@of_step(steps.METHODS)
def methods(request: HttpRequest, activation: Activation) -> HttpResponse:
    author = author_of(request)
    emailing = emailing_of(activation.plan, list(activation.names.all()), author.now)
    if request.method != "POST":
        form = MethodsForm(activation=activation, emailing=emailing)
        return _methods_page(request, activation, form=form)
    form = MethodsForm(request.POST, activation=activation, emailing=emailing)
    good = form.is_valid()
    try:
        saving_methods.save(activation, form.chosen(), author, form.approvers())
        if not good:
            return _methods_page(request, activation, form=form, refused=True, status=422)
        finishing.finish(activation, author)
    except NotReady as refused:
        return _methods_page(request, activation, form=form, not_ready=str(refused), status=409)
    except (TooLate, NotPossible) as refused:
        return too_late(request, activation, refused)
    return redirect(steps.APPROVE.url(activation.plan_id))
