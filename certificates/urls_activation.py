"""URLs of the wizard."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from certificates.activation.views import approve, asking, configure, hand_off, once

urlpatterns: list[URLPattern | URLResolver] = [
    path("<uuid:plan_id>/activation/", configure.resume, name="activation"),
    path("<uuid:plan_id>/activation/csr/", configure.csr, name="activation-csr"),
    path("<uuid:plan_id>/activation/csr/verify/", configure.verify_csr, name="activation-verify-csr"),
    path("<uuid:plan_id>/activation/contacts/", configure.contacts, name="activation-contacts"),
    path("<uuid:plan_id>/activation/methods/", configure.methods, name="activation-methods"),
    path(
        "<uuid:plan_id>/activation/methods/approvers/<int:number>/",
        configure.approvers,
        name="activation-approvers",
    ),
    path("<uuid:plan_id>/activation/methods/foreseen/", configure.foresee, name="activation-foreseen"),
    path("<uuid:plan_id>/activation/once/", once.page, name="activation-once"),
    path("<uuid:plan_id>/activation/once/<int:position>/", once.want, name="activation-once-want"),
    path("<uuid:plan_id>/activation/approve/", approve.approve, name="activation-approve"),
    path("<uuid:plan_id>/activation/approve/live/", approve.live, name="activation-live"),
    path("<uuid:plan_id>/activation/approve/check/", approve.check, name="activation-check"),
    path("<uuid:plan_id>/activation/approve/try-again/", approve.try_again, name="activation-try-again"),
    path(
        "<uuid:plan_id>/activation/approve/<int:position>/insist/", approve.insist, name="activation-insist"
    ),
    path(
        "<uuid:plan_id>/activation/approve/<int:position>/method/",
        approve.change_method,
        name="activation-method",
    ),
    path(
        "<uuid:plan_id>/activation/approve/<int:position>/approver/",
        asking.approver,
        name="activation-approver",
    ),
    path("<uuid:plan_id>/activation/approve/<int:position>/resend/", asking.resend, name="activation-resend"),
    path("<uuid:plan_id>/activation/hand-off/", hand_off.make, name="activation-hand-off"),
    path(
        "<uuid:plan_id>/activation/hand-off/withdraw/",
        hand_off.withdraw,
        name="activation-hand-off-withdraw",
    ),
    path(
        "<uuid:plan_id>/activation/approve/<int:position>/file/", approve.proof_file, name="activation-file"
    ),
    path(
        "<uuid:plan_id>/activation/csr/draft/",
        configure.keep_draft,
        {"step_slug": "csr"},
        name="activation-csr-draft",
    ),
    path(
        "<uuid:plan_id>/activation/contacts/draft/",
        configure.keep_draft,
        {"step_slug": "contacts"},
        name="activation-contacts-draft",
    ),
]
