"""The Celery application. Messages only ring the doorbell: what is to be done stands in the database."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("chancery")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


def _add_sweeper() -> None:
    from portal.sweeper import Sweeper

    app.steps["worker"].add(Sweeper)


_add_sweeper()
