"""The filter of a list by CA account: the house's, each with those of its customers."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from certificates.models import CaAccount


class CaFilter(admin.SimpleListFilter):
    """Django's own would list every customer's account beside every page of orders."""

    title = _("CA account")
    parameter_name = "ca"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [(str(pk), name) for pk, name in CaAccount.objects.house().values_list("pk", "name")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value()
        if chosen not in {value for value, _name in self.lookup_choices}:
            return queryset
        accounts = CaAccount.objects.filter(Q(pk=chosen) | Q(parent=chosen))
        return queryset.filter(account__in=accounts.values("pk"))
