"""The groups of the staff again: what customers set up once has come."""

from __future__ import annotations

from typing import Any

from django.db import migrations

from accounts.groups import grant


def forwards(apps: Any, schema_editor: Any) -> None:
    grant(apps, schema_editor.connection.alias)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_groups_of_issuance"),
        ("validation", "0002_delegation"),
    ]
    operations = [migrations.RunPython(forwards, migrations.RunPython.noop)]
