"""The groups of the staff again: what domain owners were asked by mail has come."""

from __future__ import annotations

from typing import Any

from django.db import migrations

from accounts.groups import grant


def forwards(apps: Any, schema_editor: Any) -> None:
    grant(apps, schema_editor.connection.alias)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_groups_of_validation"),
        ("validation", "0003_approval"),
    ]
    operations = [migrations.RunPython(forwards, migrations.RunPython.noop)]
