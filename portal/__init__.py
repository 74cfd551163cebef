"""The hall: settings, urls, celery, home, help and health pages."""
