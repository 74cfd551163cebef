"""URLs of the registry."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from certificates.views import automatic, downloads, installation, new_csr, overview, plan, revocation

urlpatterns: list[URLPattern | URLResolver] = [
    path("", overview.plans, name="overview"),
    path("<uuid:plan_id>/", plan.plan, name="overview"),
    path("<uuid:plan_id>/live/", plan.live, name="overview-live"),
    path("<uuid:plan_id>/automatic/", automatic.automatic, name="automatic"),
    path("<uuid:plan_id>/reissue/", plan.reissue, name="reissue"),
    path("issued/<uuid:certificate_id>/download/<slug:slug>/", downloads.download, name="download"),
    path("issued/<uuid:certificate_id>/destroy-key/", downloads.destroy_key, name="destroy-key"),
    path("<uuid:plan_id>/new-csr/", new_csr.new_csr, name="new-csr"),
    path("issued/<uuid:certificate_id>/revoke/", revocation.revoke, name="revoke"),
    path("issued/<uuid:certificate_id>/revoke/live/", revocation.live, name="revoke-live"),
    path("issued/<uuid:certificate_id>/test/", installation.test_installation, name="test-installation"),
    path("", include("certificates.urls_activation")),
]
