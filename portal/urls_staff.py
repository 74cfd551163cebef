"""URLs of the staff's own pages."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from portal.views import staff

urlpatterns: list[URLPattern | URLResolver] = [
    path("", staff.home, name="staff_home"),
    path("plans/<uuid:plan_id>/", staff.plan, name="staff_plan"),
    path("plans/<uuid:plan_id>/look-again/", staff.look_again, name="staff_look_again"),
    path("plans/<uuid:plan_id>/try-again/", staff.try_again, name="staff_try_again"),
]
