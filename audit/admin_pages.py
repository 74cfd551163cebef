"""How every page of the admin behaves: rows that machines write are read-only, lists stay quick, nouns link to each other."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets, quote
from django.contrib.admin.views.main import PAGE_VAR
from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

PAGES_AHEAD = 20
MOST_NAMES = 2
SHORT = 12
# Somebody who asks for page 10**9 by hand counts everything; no more than that.
FURTHEST = 10**6
# As Django writes them in search_fields.
LOOKUPS = {"^": "istartswith", "=": "iexact"}


class CappedPaginator(Paginator):
    """Counts no further than PAGES_AHEAD of `asked`, the page's number: counting a million takes longer than showing fifty.

    Whoever leafs on gets further pages to leaf to.
    """

    asked = 1

    @cached_property
    def count(self) -> int:
        rows, most = self.object_list, (self.asked + PAGES_AHEAD) * self.per_page
        return rows.order_by()[:most].count() if isinstance(rows, QuerySet) else len(rows)


class QuickList(admin.ModelAdmin):
    """`uuid_search` names the UUID columns that a pasted id is compared with.

    `deferred` names big columns that no page shows.
    `guarded` maps a field whose link leads to a page that not everybody may open to (permission, field shown otherwise).
    """

    show_full_result_count = False
    paginator = CappedPaginator
    list_per_page = 50
    uuid_search: Sequence[str] = ()
    guarded: dict[str, tuple[str, str]] = {}
    deferred: Sequence[str] = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        return rows.defer(*self.deferred) if self.deferred else rows

    def get_paginator(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Paginator:
        paginator = super().get_paginator(request, *args, **kwargs)
        asked = request.GET.get(PAGE_VAR, "")
        if isinstance(paginator, CappedPaginator) and asked.isascii() and asked.isdigit():
            paginator.asked = min(int(asked), FURTHEST)
        return paginator

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Look for the whole text, not word by word, and never by a join to many rows: that needs a DISTINCT over all."""
        text = search_term.strip()
        if not text:
            return queryset, False
        found = self.also_found(text)
        for name in self.search_fields:
            lookup = LOOKUPS.get(name[0], "icontains")
            found |= Q(**{f"{name.lstrip('^=')}__{lookup}": text})
        try:
            wanted = uuid.UUID(text)
        except ValueError:
            return queryset.filter(found), False
        for column in self.uuid_search:
            found |= Q(**{column: wanted})
        return queryset.filter(found), False

    def also_found(self, text: str) -> Q:
        """Return what else matches a search, by keys that another question has found (leases/keys.py): the names of an order, for one."""
        return Q(pk__in=[])

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        names = flatten_fieldsets(self.fieldsets) if self.fieldsets else super().get_fields(request, obj)
        return [self._seen_by(request, name) for name in names]

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        if not self.fieldsets:
            return super().get_fieldsets(request, obj)
        return [
            (title, {**options, "fields": [self._seen_by(request, name) for name in options["fields"]]})
            for title, options in self.fieldsets
        ]

    def _seen_by(self, request: HttpRequest, name: Any) -> Any:
        permission, otherwise = self.guarded.get(name, ("", name)) if isinstance(name, str) else ("", name)
        return name if not permission or request.user.has_perm(permission) else otherwise

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Nothing is deleted by the dozen."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions


class ReadOnlyAdmin(QuickList):
    """For rows that machines write. `fields` lists what is shown, so that a new column is hidden until somebody decides."""

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        return self.get_fields(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ReadOnlyInline(admin.TabularInline):
    """The rows of the next noun along the walk, each with a link to its own page where it has one."""

    extra = 0
    max_num = 0
    can_delete = False

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return [str(name) for name in self.fields or ()]

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def link(row: Model | None, text: object = None) -> SafeString | str:
    """Return a link to the row's page in the admin; a dash for None."""
    if row is None:
        return "–"
    return format_html('<a href="{}">{}</a>', page_of(row), row if text is None else text)


def page_of(row: Model) -> str:
    """Return the address of the row's page in the admin, which takes `_5F` in a gateway's event id for `_`."""
    meta = row._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[quote(row.pk)])


def links(rows: Iterable[Model]) -> SafeString | str:
    """Return one link a line."""
    return format_html_join("", "{}<br>", [(link(row),) for row in rows]) or "–"


def list_of(model: type[Model], text: object, **lookups: object) -> SafeString:
    """Return a link to the admin's list of `model` filtered by `lookups`."""
    meta = model._meta
    query = "&".join(f"{key}={value}" for key, value in lookups.items())
    return format_html(
        '<a href="{}?{}">{}</a>', reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist"), query, text
    )


def few(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are: a list is no place for a hundred."""
    shown = ", ".join(names[:MOST_NAMES])
    more = len(names) - MOST_NAMES
    return _("%(names)s and %(more)d more") % {"names": shown, "more": more} if more > 0 else shown


def shortened(text: str) -> str:
    """Return the beginning of a number that only its own page shows whole."""
    return text if len(text) <= SHORT else f"{text[:SHORT]}…"


def as_json(value: object) -> SafeString | str:
    """Return a JSON value to be read, escaped: much of it was sent by strangers."""
    if value in (None, {}, []):
        return "–"
    return format_html("<pre>{}</pre>", json.dumps(value, indent=2, ensure_ascii=False, default=str))
