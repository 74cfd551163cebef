"""Every URL of the portal."""

from __future__ import annotations

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path

# allauth's rate limits and second factor do not reach Django's own admin sign-in: this sends people to allauth's.
admin.autodiscover()
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

urlpatterns = [
    path("", include("portal.urls_pages")),
    path("", include("orders.urls")),
    path("", include("validation.urls")),
    path("", include("certificates.urls_links")),
    path("certificates/", include("certificates.urls")),
    path("accounts/", include("allauth.urls")),
    path("staff/", include("portal.urls_staff")),
    path("admin/", admin.site.urls),
]
