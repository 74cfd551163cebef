"""The groups of the staff: operators and support."""

from __future__ import annotations

from typing import Any

from django.db import migrations

from accounts.groups import grant


def forwards(apps: Any, schema_editor: Any) -> None:
    grant(apps, schema_editor.connection.alias)


def backwards(apps: Any, schema_editor: Any) -> None:
    groups = apps.get_model("auth", "Group").objects.using(schema_editor.connection.alias)
    groups.filter(name__in=["operators", "support"]).delete()


class Migration(migrations.Migration):
    # The permissions belong to the nouns of every room, so every room's first migration comes before.
    dependencies = [
        ("accounts", "0001_initial"),
        ("audit", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("certificates", "0001_initial"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("orders", "0001_initial"),
        ("validation", "0001_initial"),
    ]
    operations = [migrations.RunPython(forwards, backwards)]
