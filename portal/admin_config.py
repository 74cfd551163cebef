"""Tells Django which admin site is ours."""

from __future__ import annotations

from django.contrib.admin.apps import AdminConfig


class StaffAdminConfig(AdminConfig):
    default_site = "portal.admin_site.StaffSite"
