"""What gunicorn reads by itself when it is started here; the rest stands on its command line."""

logger_class = "portal.logs.gunicorn.GunicornLog"
