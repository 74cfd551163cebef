"""URLs of those who have a link and need no account: whoever approves, and whoever publishes."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from certificates.activation.views import approval, hand_off

urlpatterns: list[URLPattern | URLResolver] = [
    path("approval/<str:token>/", approval.approval, name="approval"),
    path("publish/<str:token>/", hand_off.page, name="hand-off"),
    path("publish/<str:token>/live/", hand_off.live, name="hand-off-live"),
    path("publish/<str:token>/check/", hand_off.check, name="hand-off-check"),
    path("publish/<str:token>/<int:position>/file/", hand_off.proof_file, name="hand-off-file"),
]
