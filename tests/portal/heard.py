"""A worker that counts what it hears in Redis: `celery -A tests.portal.heard worker`. The queue and the doorbell are ours."""

from __future__ import annotations

import django
import redis
from celery import Celery
from django.conf import settings

django.setup()

from portal.tasks import Doorbell  # noqa: E402

COUNT = "heard"
HEAR = "tests.portal.heard.hear"

app = Celery("heard")
app.config_from_object("django.conf:settings", namespace="CELERY")


@app.task(base=Doorbell, name=HEAR)
def hear() -> None:
    redis.Redis.from_url(settings.REDIS_URL).incr(COUNT)
