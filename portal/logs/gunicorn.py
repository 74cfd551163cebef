"""Gunicorn's own lines, written like all others."""

from __future__ import annotations

from gunicorn.config import Config
from gunicorn.glogging import Logger

from portal.logs.lines import formatter


class GunicornLog(Logger):
    """Used by gunicorn.conf.py. Its access log stays off: it would write paths and queries; ours writes routes."""

    def setup(self, cfg: Config) -> None:
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(formatter())
