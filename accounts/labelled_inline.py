"""A table of rows in the admin whose every field says its column's name to a screen reader."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.forms import BaseModelForm
from django.http import HttpRequest


class LabelledInline(admin.TabularInline):
    """Django labels such fields by the table's head alone, which assistive technology does not tie to the field."""

    extra = 0

    def get_formset(self, request: HttpRequest, obj: Model | None = None, **kwargs: Any) -> Any:
        plain = super().get_formset(request, obj, **kwargs)

        class Labelled(plain):  # type: ignore[misc, valid-type]
            def add_fields(self, form: BaseModelForm[Any], index: int | None) -> None:
                super().add_fields(form, index)
                for field in form.fields.values():
                    # A relation's widget is wrapped in another, whose attributes are not drawn.
                    drawn: Any = getattr(field.widget, "widget", field.widget)
                    drawn.attrs.setdefault("aria-label", str(field.label or ""))

        return Labelled
