"""An account at a CA, as an operator fills it in. Its secrets go in and never come out again."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from cryptography import x509
from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from certificates.admin.issuers import profile_choices, refuse_hasty
from certificates.connectors import CONNECTORS
from certificates.models import CaAccount
from certificates.vault import seal_for_account

# RFC 8659 §4.2: issuer-domain-name, labels of letters, digits and hyphens.
ISSUER_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+")
MOST_ANCHORS = 64 * 1024


class CaAccountForm(forms.ModelForm):
    """`eab_hmac` is write-only: sealed on save, never shown; an empty field keeps what is stored."""

    connector = forms.ChoiceField(label=_("Connector"), choices=[(word, word) for word in CONNECTORS])
    eab_hmac = forms.CharField(
        label=_("EAB HMAC key"),
        required=False,
        max_length=1000,
        strip=True,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "off"}),
        help_text=_(
            "As the CA gave it, base64url. Stored encrypted and never shown again; leave empty to keep it."
        ),
    )
    caa_identities = forms.CharField(
        label=_("CAA issuer names"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "cols": 60}),
        help_text=_(
            "One a line. Taken from the CA's directory when the account is opened, if the CA says them."
        ),
    )
    terms_agreed = forms.BooleanField(
        label=_("We agree to the CA's terms of service"),
        required=False,
        help_text=_("“Test connection” shows where they are."),
    )

    class Meta:
        model = CaAccount
        fields = (
            "name",
            "connector",
            "directory_url",
            "roots_pem",
            "contact",
            "eab_kid",
            "eab_reusable",
            "profile",
            "preferred_root",
            "caa_identities",
            "email_mode",
            "publicly_trusted",
            "shared",
            "per_customer",
            "enabled",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        account = self.instance
        # Columns beside the form's own that this form has changed: nothing else is written, least of all a key.
        self.also_written: set[str] = set()
        if account.profiles and "profile" in self.fields:
            known = profile_choices(account, account.profile, _t("The CA's default"))
            self.fields["profile"] = forms.ChoiceField(
                label=self.fields["profile"].label,
                choices=known,
                required=False,
                help_text=self.fields["profile"].help_text,
            )
        self._set("caa_identities", "\n".join(account.caa_names()))
        self._set("terms_agreed", account.terms_agreed_at is not None)

    def _set(self, name: str, value: object) -> None:
        if name in self.fields:
            self.initial[name] = value

    def clean_directory_url(self) -> str:
        url = str(self.cleaned_data["directory_url"])
        if not url.startswith("https://"):
            raise forms.ValidationError(_t("A CA is only spoken to over https (RFC 8555 §6.1)."))
        return url

    def clean_roots_pem(self) -> str:
        """Accept certificates and nothing else; a private key pasted here by mistake is not stored."""
        text = str(self.cleaned_data["roots_pem"]).replace("\r\n", "\n").strip()
        if not text:
            return ""
        if "PRIVATE KEY" in text:
            raise forms.ValidationError(
                _t("This holds a private key. It was not stored; please replace that key.")
            )
        if len(text) > MOST_ANCHORS:
            raise forms.ValidationError(_t("These are too many certificates."))
        try:
            x509.load_pem_x509_certificates(text.encode())
        except ValueError as exc:
            raise forms.ValidationError(_t("This is not a certificate in PEM form.")) from exc
        return text + "\n"

    def clean_eab_hmac(self) -> str:
        text = "".join(str(self.cleaned_data["eab_hmac"]).split())
        plain = text.rstrip("=").replace("-", "+").replace("_", "/")
        try:
            key = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
        except (binascii.Error, ValueError) as exc:
            raise forms.ValidationError(
                _t("This is not base64url; copy it again as the CA shows it.")
            ) from exc
        if text and len(key) < 16:
            raise forms.ValidationError(_t("This key is too short to be an HMAC key."))
        return text

    def clean_profile(self) -> str:
        return refuse_hasty(self.instance, str(self.cleaned_data["profile"]))

    def clean_caa_identities(self) -> list[str]:
        names = str(self.cleaned_data["caa_identities"]).lower().replace(",", " ").split()
        for name in names:
            if not ISSUER_NAME.fullmatch(name):
                raise forms.ValidationError(_t("“%(name)s” is not a domain name.") % {"name": name[:80]})
        return list(dict.fromkeys(names))

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        if "eab_kid" in self.fields and "eab_hmac" not in self.errors:
            spent = bool(self.instance.account_url) and "eab_kid" not in self.changed_data
            held = bool(cleaned.get("eab_hmac") or self.instance.sealed_eab_hmac or spent)
            if held and not cleaned.get("eab_kid"):
                self.add_error("eab_kid", _t("The HMAC key belongs to a key id; please enter it too."))
            elif cleaned.get("eab_kid") and not held:
                self.add_error("eab_hmac", _t("The key id belongs to an HMAC key; please enter it too."))
        kid = cleaned.get("eab_kid", self.instance.eab_kid)
        reusable = cleaned.get("eab_reusable", self.instance.eab_reusable)
        if cleaned.get("per_customer") and kid and not reusable:
            text = _t(
                "The external account binding opens one account only, so there cannot be one per customer. If the CA lets it be used "
                "again, say so below."
            )
            self.add_error("per_customer", text)
        return cleaned

    def save(self, commit: bool = True) -> Any:
        account = self.instance
        if "terms_agreed" in self.cleaned_data and "terms_agreed" in self.changed_data:
            agreed = self.cleaned_data["terms_agreed"]
            account.terms_agreed_at = timezone.now() if agreed else None
            account.terms_url = account.terms_offered if agreed else ""
            self.also_written |= {"terms_agreed_at", "terms_url"}
        if self.cleaned_data.get("eab_hmac"):
            self._bind(account, self.cleaned_data["eab_hmac"])
        return super().save(commit)

    def _bind(self, account: CaAccount, hmac: str) -> None:
        """Seal the HMAC key. A binding goes with newAccount only (RFC 8555 §7.3.4): where the CA knows us, it opens another."""
        account.sealed_eab_hmac = seal_for_account(account, "eab hmac", hmac.encode())
        self.also_written.add("sealed_eab_hmac")
        if account.account_url:
            account.account_url, account.sealed_key, account.sealed_next_key = "", None, None
            self.also_written |= {"account_url", "sealed_key", "sealed_next_key"}
