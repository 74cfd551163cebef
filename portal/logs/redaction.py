"""The last guard before a line is written: what looks like a secret is taken out, whoever logged it."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any

GONE = "[removed]"
DEEPEST = 6
# Nobody reads a longer line; a page of HTML that a CA sent instead of JSON must not become one.
LONGEST = 20_000

# A field by one of these names holds a secret whatever it looks like.
_SECRET_FIELD = re.compile(
    r"(?:^|[_.-])(?:password|passphrase|passwd|secret|hmac|csr|pem|token|authorization|cookie|body|payload|otp|totp"
    r"|private_?key|session_?id|signature)(?:$|[_.-])",
    re.I,
)

_PEM = re.compile(r"-----BEGIN [A-Z0-9 ]{1,60}-----.*?(?:-----END [A-Z0-9 ]{1,60}-----|\Z)", re.S)
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (_PEM, "[PEM removed]"),
    # Python's spelling of bytes: DER of a key or a CSR, a request's body.
    (re.compile(r"\bb'(?:[^'\\]|\\.){40,}'|\bb\"(?:[^\"\\]|\\.){40,}\""), "[bytes removed]"),
    (re.compile(r"\bwhsec_[\w+/=-]+"), "whsec_[removed]"),
    (re.compile(r"\b([sr]k)_\w{4,}"), r"\1_[removed]"),
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{8,}", re.I), rf"\1 {GONE}"),
    (re.compile(r"(\bauthorization[\"']?\s*[:=]\s*[\"']?)[\w+/=-]{16,}", re.I), rf"\1{GONE}"),
    (re.compile(r"(hmac\w*[\"']?[\s:=]+[\"']?)[\w+/=-]{16,}", re.I), rf"\1{GONE}"),
    (re.compile(r"(\bpass(?:word|phrase|wd)[\"']?\s*[:=]\s*[\"']?)[^\s\"',;&)}]+", re.I), rf"\1{GONE}"),
    (re.compile(r"((?:sessionid|csrftoken|csrfmiddlewaretoken)[\"']?\s*[:=]\s*[\"']?)[^\s\"';,]+"), rf"\1{GONE}"),
    # user:password in an address of a database, a broker, a mail server.
    (re.compile(r"(://[^/\s:@]*:)[^/\s@]+@"), rf"\1{GONE}@"),
    # A PFX file's import password, as certificates.exporters makes them.
    (re.compile(r"\b[a-z2-9]{5}(?:-[a-z2-9]{5}){3,}\b"), GONE),
    # Links that open something: a password reset, a confirmed address.
    (re.compile(r"(/password/reset/key/|/confirm-email/)[^/\s\"']+"), rf"\1{GONE}"),
    # JSON in base64url, the parts of a JWS.
    (re.compile(r"\beyJ[\w-]{16,}"), "[JWS removed]"),
    # Base64 of such length is a key, a CSR, a certificate or a sealed blob; nothing that is searched for.
    (re.compile(r"[A-Za-z0-9+/_-]{160,}={0,2}"), "[base64 removed]"),
    # People are named by id. Celery names its own processes like this.
    (re.compile(r"(?<![\w.+-])(?!celery@)[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "[address removed]"),
)  # fmt: skip


def clean(text: str) -> str:
    """Return the text without what looks like a secret, and not longer than LONGEST characters."""
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} […]"


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Processor: clean every text of a line. What is neither text nor number becomes text first, so that nothing hides in it."""
    return {name: GONE if _SECRET_FIELD.search(name) else _cleaned(value) for name, value in event.items()}


def _cleaned(value: Any, depth: int = 0) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return "[bytes removed]"
    if depth < DEEPEST and isinstance(value, dict):
        return {
            str(name): GONE if _SECRET_FIELD.search(str(name)) else _cleaned(inner, depth + 1)
            for name, inner in value.items()
        }
    if depth < DEEPEST and isinstance(value, list | tuple | set | frozenset):
        return [_cleaned(inner, depth + 1) for inner in value]
    return clean(str(value))
