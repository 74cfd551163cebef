"""URLs of the staff's own pages."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from portal.views import campaigns, staff

urlpatterns: list[URLPattern | URLResolver] = [
    path("", staff.home, name="staff_home"),
    path("plans/<uuid:plan_id>/", staff.plan, name="staff_plan"),
    path("plans/<uuid:plan_id>/look-again/", staff.look_again, name="staff_look_again"),
    path("plans/<uuid:plan_id>/try-again/", staff.try_again, name="staff_try_again"),
    path("campaigns/", campaigns.campaigns, name="staff_campaigns"),
    path("campaigns/new/", campaigns.dry_run, name="staff_campaign_new"),
    path("campaigns/start/", campaigns.start, name="staff_campaign_start"),
    path("campaigns/<uuid:campaign_id>/", campaigns.campaign, name="staff_campaign"),
    path("campaigns/<uuid:campaign_id>/<slug:verb>/", campaigns.steer, name="staff_campaign_steer"),
]
