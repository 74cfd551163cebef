"""Every component in every state, for whoever writes a page; in the sandbox only."""

from __future__ import annotations

import datetime as dt

from django import forms
from django.conf import settings
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from portal.standings import FACES


class SampleForm(forms.Form):
    """One field of each kind."""

    email = forms.EmailField(label=_("Email address"), help_text=_("We write only about your certificates."))
    password = forms.CharField(label=_("Password"), widget=forms.PasswordInput)
    names = forms.CharField(
        label=_("Domain names"), widget=forms.Textarea(attrs={"rows": 3, "data-mono": ""}), required=False
    )
    term = forms.ChoiceField(label=_("Term"), choices=[("1", _("1 year")), ("2", _("2 years"))])
    method = forms.ChoiceField(
        label=_("Authentication method"),
        widget=forms.RadioSelect,
        choices=[("http", _("HTTP")), ("dns", _("DNS TXT Record")), ("email", _("Email"))],
    )
    agree = forms.BooleanField(label=_("I accept the agreement"))


def _timeline(now: dt.datetime) -> list[dict[str, object]]:
    return [
        {
            "title": _("Order placed at the CA"),
            "state": "done",
            "at": now - dt.timedelta(minutes=3),
            "detail": "",
        },
        {
            "title": _("Control of every name shown"),
            "state": "done",
            "at": now - dt.timedelta(minutes=1),
            "detail": _("3 of 3"),
        },
        {
            "title": _("The CA is signing"),
            "state": "now",
            "at": None,
            "detail": _("This takes a few seconds."),
        },
        {"title": _("Certificate checked and stored"), "state": "todo", "at": None, "detail": ""},
        {
            "title": _("A step that failed"),
            "state": "failed",
            "at": now,
            "detail": _("The CA refused: CAA forbids issuance."),
        },
    ]


def _steps(current: int) -> list[dict[str, object]]:
    titles = [_("CSR"), _("Contacts"), _("Authentication method"), _("Approve")]
    return [
        {
            "title": title,
            "url": "#" if number < current else None,
            "done": number < current,
            "current": number == current,
        }
        for number, title in enumerate(titles, start=1)
    ]


@require_safe
def styleguide(request: HttpRequest) -> HttpResponse:
    """Raises Http404 outside the sandbox."""
    if settings.PORTAL_ENV != "sandbox":
        raise Http404
    now = timezone.now()
    typed = {"email": "not an address", "names": "example.com\nwww.example.com", "term": "1"}
    spoiled = SampleForm({f"spoiled-{name}": value for name, value in typed.items()}, prefix="spoiled")
    context = {
        "now": now,
        "words": list(FACES),
        "form": SampleForm(prefix="fresh"),
        "spoiled": spoiled,
        "steps_first": _steps(1),
        "steps_third": _steps(3),
        "timeline": _timeline(now),
        "moments": [now + dt.timedelta(days=days, minutes=5) for days in (-400, -3, 0, 1, 12, 199, 800)],
        "page": Paginator(range(100), 10).page(3),
        "tones": ["info", "ok", "wait", "bad", "quiet"],
        "agenda": {"earlier": now - dt.timedelta(seconds=40), "later": now + dt.timedelta(seconds=50)},
    }
    return render(request, "portal/styleguide.html", context)
