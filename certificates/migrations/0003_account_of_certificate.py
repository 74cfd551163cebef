"""Which account each certificate came from, read from the order at the CA that gave it."""

from __future__ import annotations

from typing import Any

from django.db import migrations
from django.db.models import OuterRef, Subquery


def forwards(apps: Any, schema_editor: Any) -> None:
    alias = schema_editor.connection.alias
    orders = apps.get_model("certificates", "AcmeOrder").objects.using(alias)
    given = orders.filter(issuance=OuterRef("issuance"), status="valid").order_by("-attempt")
    certificates = apps.get_model("certificates", "Certificate").objects.using(alias)
    certificates.filter(account__isnull=True).update(account=Subquery(given.values("account")[:1]))


class Migration(migrations.Migration):
    dependencies = [("certificates", "0002_survives_anything")]
    operations = [migrations.RunPython(forwards, migrations.RunPython.noop)]
