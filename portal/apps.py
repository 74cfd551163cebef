"""Tells Django about the hall, which introduces the rooms to each other."""

from __future__ import annotations

from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"

    def ready(self) -> None:
        from orders.sanity import CHECKS
        from outbound import watch
        from portal import checks  # noqa: F401 - registers the start-up checks
        from portal.metrics.seen import count_call
        from portal.precheck import caa_check

        CHECKS["caa"] = caa_check
        watch(count_call)
