"""The Celery application. Messages only ring the doorbell: what is to be done stands in the database."""

from __future__ import annotations

import logging.config
import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging
from kombu.transport import TRANSPORT_ALIASES

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

# By name: whoever has Redis does without it.
TRANSPORT_ALIASES["filesystem"] = "portal.broker:Transport"
app = Celery("chancery")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


def _add_steps() -> None:
    from portal.metrics.of_a_worker import MetricsDoor
    from portal.sweeper import Sweeper

    app.steps["worker"].update({Sweeper, MetricsDoor})


_add_steps()


@setup_logging.connect
def _log_as_everybody_does(**_kwargs: Any) -> None:
    """Celery would set up handlers of its own, and its level over ours."""
    from django.conf import settings

    logging.config.dictConfig(settings.LOGGING)
    logging.captureWarnings(True)
