"""Memory in the admin: to be read and searched, never written."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from audit.admin_pages import ReadOnlyAdmin, as_json
from audit.models import Entry


@admin.register(Entry)
class EntryAdmin(ReadOnlyAdmin):
    list_display = ("at", "action", "actor", "object_kind", "object_id", "address")
    list_filter = ("action", "at")
    search_fields = ("=actor", "=object_id")
    search_help_text = _("E-mail address or process, object id, order id or plan id, in full.")
    uuid_search = ("order_id", "plan_id", "actor_id", "object_id")
    fields = (
        "at",
        "action",
        "actor",
        "actor_id",
        "address",
        "object_kind",
        "object_id",
        "order_id",
        "plan_id",
        "facts",
    )

    @admin.display(description=_("details"))
    def facts(self, entry: Entry) -> SafeString | str:
        return as_json(entry.details)
