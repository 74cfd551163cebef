"""The groups of the staff again: limits, renewal information, revocations and campaigns have come."""

from __future__ import annotations

from typing import Any

from django.db import migrations

from accounts.groups import grant


def forwards(apps: Any, schema_editor: Any) -> None:
    grant(apps, schema_editor.connection.alias)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_groups"),
        ("certificates", "0003_account_of_certificate"),
    ]
    operations = [migrations.RunPython(forwards, migrations.RunPython.noop)]
