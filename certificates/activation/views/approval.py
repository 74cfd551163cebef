"""The page behind the mailed link: who asks for which names, and the owner's one answer.

GET changes nothing: mail programs and link scanners follow links. Who has the token is whoever reads the mailbox.
"""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.addresses import client_address
from certificates.activation import handing_off
from validation.approval import answering
from validation.models import Approval


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def approval(request: HttpRequest, token: str) -> HttpResponse:
    row, now = Approval.objects.by_token(token), timezone.now()
    if row is None:
        raise Http404
    if request.method != "POST":
        return _page(request, row)
    try:
        answering.answer(
            row,
            request.POST.get("answer", ""),
            now,
            client_address(request),
            when_kept=lambda: handing_off.wake(row, now),
        )
    except answering.TooLate:
        row.refresh_from_db()
        return _page(request, row, status=409)
    except ValueError:
        return _page(request, row, status=422)
    # Again after the commit, for an order that was just letting go and could not see the answer yet.
    handing_off.wake(row, now)
    return redirect(_publishing(row) or request.path)


def _publishing(row: Approval) -> str:
    """Return the page with what to publish, "" where this approval needs none."""
    now = timezone.now()
    if not row.is_given(now) or row.prevalidated:
        return ""
    return handing_off.path_for_approver(row, now)


def _page(request: HttpRequest, row: Approval, status: int = 200) -> HttpResponse:
    now = timezone.now()
    over = not row.answer and not row.is_open(now)
    context = {"approval": row, "open": row.is_open(now), "publishing": _publishing(row), "now": now}
    return render(
        request,
        "certificates/activation/approval.html",
        context,
        status=410 if over and status == 200 else status,
    )
