"""What an operator fills in before a mass reissue: from which CA account to which, how fast, and why."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.audited_admin import ReasonForm
from certificates.campaigns.steering import MOST_PER_HOUR
from certificates.models import CaAccount


class PlanForm(forms.Form):
    """Enough for a dry run. Accounts opened for single customers go with the pattern they hang on."""

    from_account = forms.ModelChoiceField(label=_("Everything of"), queryset=CaAccount.objects.none())
    to_account = forms.ModelChoiceField(label=_("With"), queryset=CaAccount.objects.none())
    per_hour = forms.IntegerField(
        label=_("At most per hour"), min_value=1, max_value=MOST_PER_HOUR, initial=100
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        house = CaAccount.objects.house().order_by("name")
        self.fields["from_account"].queryset = house  # type: ignore[attr-defined]
        self.fields["to_account"].queryset = house.filter(enabled=True)  # type: ignore[attr-defined]


class StartForm(PlanForm, ReasonForm):
    """The same, hidden, and the reason."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("from_account", "to_account", "per_hour"):
            self.fields[name].widget = forms.HiddenInput()
