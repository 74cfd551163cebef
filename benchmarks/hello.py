"""The least that Django can answer: one view, no middleware, no database. What our pages are measured against."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path


def hello(request: HttpRequest) -> HttpResponse:
    return HttpResponse("hello")


urlpatterns = [path("", hello)]


def _application() -> Any:
    from django.core.wsgi import get_wsgi_application

    settings.configure(ROOT_URLCONF=__name__, SECRET_KEY="hello", ALLOWED_HOSTS=["*"], MIDDLEWARE=[])
    return get_wsgi_application()


if not settings.configured:
    application = _application()
