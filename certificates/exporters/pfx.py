"""PKCS #12 (RFC 7292) for Windows: certificate, intermediates and key under an import password."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import KeySerializationEncryption, PrivateFormat, pkcs12
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from certificates.exporters.base import Bundle, Download, Text
from certificates.exporters.passwords import UnacceptablePassword, check_password, new_password

__all__ = ["ENCRYPTIONS", "PfxExporter", "UnacceptablePassword", "new_password"]

ROUNDS = 100_000


@sensitive_variables("password")
def _modern(password: str) -> KeySerializationEncryption:
    builder = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(ROUNDS)
    builder = builder.key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC).hmac_hash(hashes.SHA256())
    return builder.build(password.encode("ascii"))


@sensitive_variables("password")
def _compatible(password: str) -> KeySerializationEncryption:
    builder = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(ROUNDS)
    builder = builder.key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC).hmac_hash(hashes.SHA1())  # noqa: S303 what old Windows reads
    return builder.build(password.encode("ascii"))


ENCRYPTIONS: dict[str, Text] = {
    "modern": _("AES-256: Windows Server 2019 and later, Azure, current programs"),
    "compatible": _("3DES: Windows Server 2016 and older"),
}
_BUILDERS = {"modern": _modern, "compatible": _compatible}


class PfxExporter:
    """One `.pfx` under the import password, in one of ENCRYPTIONS."""

    slug: str = "pfx"
    label: Text = _("PFX (.pfx)")
    describe: Text = _(
        "For IIS, Azure and other Windows programs: certificate, intermediates and key in one file with an import password."
    )
    needs_key: bool = True
    carries_key: bool = True
    options: frozenset[str] = frozenset({"password", "encryption"})

    @sensitive_variables()
    def export(self, bundle: Bundle, **options: str) -> Download:
        """`password` is required (`new_password` makes good ones), `encryption` is "modern" unless given.

        Raises KeyNotHeld, UnacceptablePassword, and TypeError for a missing or unknown option.
        """
        password, encryption = options.pop("password", None), options.pop("encryption", "modern")
        if password is None or encryption not in ENCRYPTIONS or options:
            raise TypeError("a PFX takes a password and one of the known encryptions")
        check_password(password)
        key = bundle.private_key()
        friendly_name = bundle.names[0].encode("ascii")
        intermediates = list(bundle.chain.intermediates) or None
        sealed = _BUILDERS[encryption](password)
        content = pkcs12.serialize_key_and_certificates(
            friendly_name, key, bundle.chain.leaf, intermediates, sealed
        )
        return Download(f"{bundle.slug}.pfx", "application/x-pkcs12", content, holds_key=True)
