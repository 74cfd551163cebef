"""Which products an account fulfils, in which order, and with which of the CA's profiles."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from accounts.labelled_inline import LabelledInline
from certificates.models import CaAccount, ProductIssuer
from certificates.profiles import is_too_short, pending_life


def profile_choices(account: CaAccount | None, current: str, empty: str) -> list[tuple[str, str]]:
    """Return what the CA advertises, and what is stored although the CA no longer does."""
    known = dict(account.profiles) if account is not None else {}
    shown = [(name, f"{name}: {text}"[:100] if text else name) for name, text in known.items()]
    gone = [(current, _t("%(name)s (no longer offered)") % {"name": current})]
    return [("", empty), *shown, *(gone if current and current not in known else [])]


def refuse_hasty(account: CaAccount | None, profile: str) -> str:
    """Return the profile, or raise ValidationError where it leaves people too little time to show a name."""
    if profile and account is not None and is_too_short(account, profile):
        life = pending_life(account, profile)
        minutes = int(life.total_seconds() // 60) if life else 0
        raise forms.ValidationError(
            _t(
                "Under this profile the CA gives %(minutes)d minutes to show a name. Our customers publish by hand, which takes "
                "longer: their orders would expire again and again. Choose a profile that gives at least two hours."
            )
            % {"minutes": minutes}
        )
    return profile


class IssuerForm(forms.ModelForm):
    """`account` is set by the inline for whose page this is; None while an account is being added."""

    account: CaAccount | None = None
    profile = forms.ChoiceField(label=_("Profile"), required=False)

    class Meta:
        model = ProductIssuer
        fields = ("product", "position", "profile")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["profile"]
        field.choices = profile_choices(self.account, self.instance.profile, _t("The account's own"))

    def clean_profile(self) -> str:
        return refuse_hasty(self.account, str(self.cleaned_data["profile"]))


class IssuerInline(LabelledInline):
    model = ProductIssuer
    fields = ("product", "position", "profile")

    def get_formset(self, request: HttpRequest, obj: Model | None = None, **kwargs: Any) -> Any:
        class OfThisAccount(IssuerForm):
            account = obj if isinstance(obj, CaAccount) else None

        return super().get_formset(request, obj, form=OfThisAccount, **kwargs)
