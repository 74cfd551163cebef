"""A ring may be lost by design, so Redis keeps no account of which one is being heard."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
import redis

from runner.installation import ROOT
from tests.portal.heard import COUNT, HEAR, app
from tests.servers import running_redis

pytestmark = pytest.mark.server

RINGS = 20
WORDS = [
    "--pool",
    "solo",
    "--concurrency",
    "1",
    "--without-gossip",
    "--without-mingle",
    "--without-heartbeat",
]
# What kombu enters and takes out where it minds that a message was heard.
ACCOUNT = {f"cmdstat_{word}" for word in ("zadd", "zrem", "hset", "hdel")}


def test_each_ring_is_heard_and_none_is_accounted_for(tmp_path):
    with running_redis(tmp_path / "redis") as url:
        told = redis.Redis.from_url(url)
        env = {**os.environ, "REDIS_URL": url, "CELERY_BROKER_URL": url, "VAR_DIR": str(tmp_path / "var")}
        command = [sys.executable, "-m", "celery", "-A", "tests.portal.heard", "worker", *WORDS]
        worker = subprocess.Popen(command, cwd=ROOT, env=env)
        try:
            with app.connection_for_write(url) as broker:
                for _ring in range(RINGS):
                    app.send_task(HEAR, connection=broker, ignore_result=True, expires=60)
            end = time.monotonic() + 60
            while int(told.get(COUNT) or 0) < RINGS:
                assert worker.poll() is None
                assert time.monotonic() < end
                time.sleep(0.1)
        finally:
            worker.terminate()
            worker.wait(timeout=30)
        assert int(told.get(COUNT)) == RINGS
        stats = told.info("commandstats")
        # One or two are of the worker's own coming and going.
        assert sum(stats[name]["calls"] for name in ACCOUNT & set(stats)) <= 2
        assert not told.exists("unacked", "unacked_index")
