"""URLs of the hall."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from portal.views import guides, health, home, metrics, styleguide, theme

urlpatterns: list[URLPattern | URLResolver] = [
    path("", home.home, name="home"),
    path("guides/", guides.index, name="guides"),
    path("guides/<slug:slug>/", guides.guide, name="guide"),
    path("health/live", health.live, name="health-live"),
    path("health/ready", health.ready, name="health"),
    path("metrics", metrics.metrics, name="metrics"),
    path("theme.css", theme.theme, name="theme"),
    path("styleguide/", styleguide.styleguide, name="styleguide"),
]
