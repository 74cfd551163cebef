"""Where CAs arrive that a customer's web server has sent on to us."""

from __future__ import annotations

from django.urls import path

from validation.views import challenge

urlpatterns = [
    path("dcv/<slug:label>/<str:token>", challenge.redirected, name="challenge-redirect"),
]
