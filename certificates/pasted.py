"""Finding the one CSR in what somebody pasted, and noticing what must never have been pasted."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import NoReturn

from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from certificates.csr_problems import Problem, UnacceptableCSR

REQUEST_LABELS = frozenset({"CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"})
CERTIFICATE_LABELS = frozenset({"CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"})

_BEGIN = re.compile(r"-----\s?BEGIN ([A-Z0-9][A-Z0-9 ]{0,40})-----")
_PRIVATE_KEY = re.compile(
    r"BEGIN\s{1,4}(?:\w{1,16}\s{1,4}){0,3}PRIVATE\s{1,4}KEY|PuTTY-User-Key-File|Private-Lines:|<RSAKeyValue>",
    re.IGNORECASE,
)
_JWK = re.compile(r'^\s*\{.*"d"\s{0,4}:', re.DOTALL)
_BASE64_LINE = re.compile(r"^[ \t>]{0,8}(M[A-Za-z0-9+/=]{31,})[ \t\r]*$", re.MULTILINE)


@dataclass(frozen=True)
class _Block:
    label: str
    body: str | None  # None: the END line is missing


@sensitive_variables()
def request_der(pasted: str | bytes, *, max_bytes: int) -> bytes:
    """The DER of the one thing in the text that says it is a CSR; not parsed yet. Raises UnacceptableCSR."""
    if len(pasted) > max_bytes:
        _refuse(
            "too_big",
            _(
                "This is far longer than a CSR. Paste only the text of the CSR, from its BEGIN line to its END line."
            ),
        )
    if isinstance(pasted, bytes) and _is_der(pasted):
        return _checked(pasted)
    text = _decoded(pasted) if isinstance(pasted, bytes) else pasted
    text = text.lstrip("\ufeff")
    if not text.strip():
        _refuse("empty", _("Paste the CSR here: the text from its BEGIN line to its END line."))
    if _PRIVATE_KEY.search(text) or _JWK.match(text):
        refuse_private_key()
    blocks, around = _blocks(text)
    if any(_starts_a_key(line[1]) for line in _BASE64_LINE.finditer(around)):
        refuse_private_key()
    request = _only_request(blocks, text)
    if request is not None:
        return _checked(_base64(request) or refuse_unparsable())
    bare = _base64(text)
    if not bare:
        _refuse(
            "not_a_csr", _("This is not a CSR. Paste the text that begins with BEGIN CERTIFICATE REQUEST.")
        )
    return _checked(bare)


def refuse_private_key() -> NoReturn:
    """Say that a private key was pasted. The text itself is not part of what is raised."""
    message = _(
        "This contains a private key. We did not store it, but a key that has left its server must be regarded as "
        "known to others: make a new key and a new CSR, and paste only the CSR."
    )
    _refuse("private_key_pasted", message)


def refuse_certificate() -> NoReturn:
    message = _(
        "This is a certificate, not a CSR. Paste the request that was made together with your private key (BEGIN CERTIFICATE REQUEST)."
    )
    _refuse("certificate_pasted", message)


def refuse_unparsable() -> NoReturn:
    message = _(
        "This CSR cannot be read: it is damaged or cut off. Copy it again from the file, whole, "
        "from the line BEGIN CERTIFICATE REQUEST to the line END CERTIFICATE REQUEST."
    )
    _refuse("unparsable", message)


def _refuse(slug: str, message: str) -> NoReturn:
    raise UnacceptableCSR([Problem(slug, "csr", message)]) from None


def _decoded(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):  # Notepad's "Unicode"
        return data.decode("utf-16", errors="replace")
    return data.decode("utf-8-sig", errors="replace")


def _blocks(text: str) -> tuple[list[_Block], str]:
    """The PEM blocks, and the text around them."""
    blocks, around, position = [], [], 0
    for begin in _BEGIN.finditer(text):
        if begin.start() < position:
            continue
        label = begin[1].strip()
        end = re.compile(rf"-----\s?END {re.escape(label)}\s?-----").search(text, begin.end())
        around.append(text[position : begin.start()])
        blocks.append(_Block(label, text[begin.end() : end.start()] if end else None))
        position = end.end() if end else begin.end()
        if not end:
            break
    around.append(text[position:])
    return blocks, "\n".join(around)


def _only_request(blocks: list[_Block], text: str) -> str | None:
    requests = {
        "".join(block.body.split()): block.body
        for block in blocks
        if block.label in REQUEST_LABELS and block.body is not None
    }
    if len(requests) > 1:
        _refuse(
            "several_csrs",
            _("This contains more than one CSR. Paste only the one that belongs to the key on your server."),
        )
    if any(block.label in REQUEST_LABELS and block.body is None for block in blocks):
        refuse_unparsable()
    if requests:
        return next(iter(requests.values()))
    if any(block.label in CERTIFICATE_LABELS for block in blocks):
        refuse_certificate()
    if blocks:
        message = _(
            "This is not a CSR but “%(label)s”. Paste the text that begins with BEGIN CERTIFICATE REQUEST."
        )
        _refuse("not_a_csr", message % {"label": blocks[0].label})
    if "CERTIFICATE REQUEST" in text:
        refuse_unparsable()
    return None


def _base64(body: str) -> bytes:
    """The bytes, or none where this is not base64."""
    try:
        return base64.b64decode("".join(body.split()).encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return b""


def _starts_a_key(base64_line: str) -> bool:
    return _is_key(base64.b64decode(base64_line[:32]), whole=False)


def _is_der(data: bytes) -> bool:
    tag, _start, end = _header(data, 0)
    return tag == 0x30 and (data[1] >= 0x80 or end == len(data))


def _checked(der: bytes) -> bytes:
    if _is_key(der, whole=True):
        refuse_private_key()
    return der


def _is_key(der: bytes, *, whole: bool) -> bool:
    """True for DER that begins like a private key or a PFX. Holds for damaged ones too, where a parser gives up.

    PKCS #1, SEC 1, PKCS #8 and PFX begin with a version INTEGER; a CSR and a certificate begin with a SEQUENCE.
    EncryptedPrivateKeyInfo is an AlgorithmIdentifier followed by an OCTET STRING; told apart only if `whole`.
    """
    tag, start, _end = _header(der, 0)
    if tag != 0x30:
        return False
    inner, inner_start, inner_end = _header(der, start)
    if inner == 0x02:
        return True
    if not whole or inner != 0x30:
        return False
    return _header(der, inner_start)[0] == 0x06 and _header(der, inner_end)[0] == 0x04


def _header(der: bytes, at: int) -> tuple[int, int, int]:
    """(tag, start of content, end of content) of the TLV at a position; (-1, at, at) beyond the end (X.690 §8.1)."""
    if at + 2 > len(der):
        return -1, at, at
    tag, first = der[at], der[at + 1]
    if first < 0x80:
        return tag, at + 2, at + 2 + first
    size = first & 0x7F
    length = int.from_bytes(der[at + 2 : at + 2 + size][:8], "big")
    return tag, at + 2 + size, at + 2 + size + length
