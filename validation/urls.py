"""Where CAs arrive that a customer's web server has sent on to us, and portals whose vantage point we are."""

from __future__ import annotations

from django.urls import path

from validation.views import challenge, vantage

urlpatterns = [
    path("dcv/<slug:label>/<str:token>", challenge.redirected, name="challenge-redirect"),
    path("vantage", vantage.look, name="vantage"),
]
