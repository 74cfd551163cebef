"""The door for web servers."""

from __future__ import annotations

import logging
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

# Warnings of libraries are lines like all others.
logging.captureWarnings(True)
application = get_wsgi_application()

from portal.checks import refuse_unsafe_start  # noqa: E402 - settings must be ready first

refuse_unsafe_start()
