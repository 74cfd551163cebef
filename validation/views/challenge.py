"""The answer to an http-01 challenge that a customer's web server has redirected to us (RFC 8555 §8.3)."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from validation import delegation


@require_safe
def redirected(request: HttpRequest, label: str, token: str) -> HttpResponse:
    """Say the key authorization to whoever knows label and token; the label's customer and name decide which."""
    answer = delegation.answer_for(label, token, timezone.now())
    if answer is None:
        raise Http404
    return HttpResponse(answer, content_type="text/plain", headers={"Cache-Control": "no-store"})
