"""The hall: settings, urls, celery, home, help and health pages."""

from portal.celery import app as celery_app

__all__ = ["celery_app"]
