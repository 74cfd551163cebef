"""URLs of the staff's own pages."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from portal.views import campaigns, staff, staff_proofs

urlpatterns: list[URLPattern | URLResolver] = [
    path("", staff.home, name="staff_home"),
    path("plans/<uuid:plan_id>/", staff.plan, name="staff_plan"),
    path("plans/<uuid:plan_id>/look-again/", staff.look_again, name="staff_look_again"),
    path("plans/<uuid:plan_id>/try-again/", staff.try_again, name="staff_try_again"),
    path("plans/<uuid:plan_id>/change-method/", staff_proofs.change_method, name="staff_change_method"),
    path(
        "plans/<uuid:plan_id>/controls/<int:control_id>/withdraw/",
        staff_proofs.withdraw_control,
        name="staff_withdraw_control",
    ),
    path(
        "plans/<uuid:plan_id>/letters/<int:letter_id>/resend/",
        staff_proofs.resend_letter,
        name="staff_resend_letter",
    ),
    path(
        "plans/<uuid:plan_id>/approvals/<uuid:approval_id>/resend/",
        staff_proofs.resend_approval,
        name="staff_resend_approval",
    ),
    path("campaigns/", campaigns.campaigns, name="staff_campaigns"),
    path("campaigns/new/", campaigns.dry_run, name="staff_campaign_new"),
    path("campaigns/start/", campaigns.start, name="staff_campaign_start"),
    path("campaigns/<uuid:campaign_id>/", campaigns.campaign, name="staff_campaign"),
    path("campaigns/<uuid:campaign_id>/<slug:verb>/", campaigns.steer, name="staff_campaign_steer"),
]
