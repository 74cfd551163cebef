"""Forms about people."""

from __future__ import annotations

from typing import Any

from allauth.account.forms import SignupForm as AllauthSignupForm
from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.models import User


class SignupForm(AllauthSignupForm):
    """E-mail and password, and how we may address the person."""

    name = forms.CharField(
        label=_("Your name"),
        max_length=120,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )

    def save(self, request: HttpRequest) -> Any:
        user = super().save(request)
        name = " ".join(str(self.cleaned_data.get("name", "")).split())
        if name and isinstance(user, User):
            user.name = name
            user.save(update_fields=["name"])
        return user
