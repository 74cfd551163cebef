"""The last guard before a line is written: what looks like a secret is taken out, whoever logged it."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from dataclasses import dataclass
from functools import lru_cache
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


@dataclass(frozen=True)
class Rule:
    """`needles`: one of them, in lower case, stands in every text that the pattern can match. Most lines have none: looking is cheap."""

    needles: tuple[str, ...]
    pattern: re.Pattern[str]
    instead: str
    least: int = 0


def _rule(needles: str, pattern: str, instead: str, *, least: int = 0, flags: int = 0) -> Rule:
    return Rule(tuple(needles.split()), re.compile(pattern, flags), instead, least)


RULES: tuple[Rule, ...] = (
    _rule("-----begin", r"-----BEGIN [A-Z0-9 ]{1,60}-----.*?(?:-----END [A-Z0-9 ]{1,60}-----|\Z)", "[PEM removed]", flags=re.S),
    # Python's spelling of bytes: DER of a key or a CSR, a request's body.
    _rule("b' b\"", r"\bb'(?:[^'\\]|\\.){40,}'|\bb\"(?:[^\"\\]|\\.){40,}\"", "[bytes removed]", least=40),
    _rule("whsec_", r"\bwhsec_[\w+/=-]+", "whsec_[removed]"),
    _rule("sk_ rk_", r"\b([sr]k)_\w{4,}", r"\1_[removed]"),
    _rule("bearer basic", r"\b(bearer|basic)\s+[\w.~+/=-]{8,}", rf"\1 {GONE}", flags=re.I),
    _rule("authorization", r"(\bauthorization[\"']?\s*[:=]\s*[\"']?)[\w+/=-]{16,}", rf"\1{GONE}", flags=re.I),
    _rule("hmac", r"(hmac\w*[\"']?[\s:=]+[\"']?)[\w+/=-]{16,}", rf"\1{GONE}", flags=re.I),
    _rule("pass", r"(\bpass(?:word|phrase|wd)[\"']?\s*[:=]\s*[\"']?)[^\s\"',;&)}]+", rf"\1{GONE}", flags=re.I),
    _rule(
        "sessionid csrf", r"((?:sessionid|csrftoken|csrfmiddlewaretoken)[\"']?\s*[:=]\s*[\"']?)[^\s\"';,]+", rf"\1{GONE}", flags=re.I
    ),
    # user:password in an address of a database, a broker, a mail server.
    _rule("://", r"(://[^/\s:@]*:)[^/\s@]+@", rf"\1{GONE}@"),
    # A PFX file's import password, as certificates.exporters makes them.
    _rule("-", r"\b[a-z2-9]{5}(?:-[a-z2-9]{5}){3,}\b", GONE, least=23),
    # Links that open something: a password reset, a confirmed address.
    _rule("/key/ /confirm-email/", r"(/password/reset/key/|/confirm-email/)[^/\s\"']+", rf"\1{GONE}"),
    # What a domain's owner was mailed, and the link for whoever publishes.
    _rule("/approval/ /publish/", r"(/approval/|/publish/)[^/\s\"']+", rf"\1{GONE}"),
    # JSON in base64url, the parts of a JWS.
    _rule("eyj", r"\beyJ[\w-]{16,}", "[JWS removed]"),
    # Base64 of such length is a key, a CSR, a certificate or a sealed blob; nothing that is searched for.
    _rule("", r"[A-Za-z0-9+/_-]{160,}={0,2}", "[base64 removed]", least=160),
    # People are named by id. Celery names its own processes like this.
    _rule("@", r"(?<![\w.+-])(?!celery@)[\w.+-]+@[\w-]+(?:\.[\w-]+)+", "[address removed]"),
)  # fmt: skip


# Ids, numbers and times, of which most fields are made.
_HARMLESS = re.compile(r"[0-9a-fTZ:.-]{0,40}")
# What has none of the needles and is too short for the rules that need none is left as it is.
_MARKED = re.compile(
    "|".join(re.escape(needle) for rule in RULES for needle in rule.needles if needle != "-")
)
_LEAST_UNMARKED = min(rule.least for rule in RULES if not rule.needles or rule.needles == ("-",))


def clean(text: str) -> str:
    """Return the text without what looks like a secret, and not longer than LONGEST characters."""
    if _HARMLESS.fullmatch(text):
        return text
    lowered = text.lower()
    if len(text) < _LEAST_UNMARKED and not _MARKED.search(lowered):
        return text
    for rule in RULES:
        if len(text) >= rule.least and (
            not rule.needles or any(needle in lowered for needle in rule.needles)
        ):
            text = rule.pattern.sub(rule.instead, text)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} […]"


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Processor: clean every text of a line. What is neither text nor number becomes text first, so that nothing hides in it."""
    return {name: GONE if _is_secret(name) else _cleaned(value) for name, value in event.items()}


@lru_cache(maxsize=512)
def _is_secret(field: str) -> bool:
    return _SECRET_FIELD.search(field) is not None


def _cleaned(value: Any, depth: int = 0) -> Any:
    if type(value) is str:  # most are, and every line has a dozen
        return clean(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return "[bytes removed]"
    if depth < DEEPEST and isinstance(value, dict):
        return {
            str(name): GONE if _is_secret(str(name)) else _cleaned(inner, depth + 1)
            for name, inner in value.items()
        }
    if depth < DEEPEST and isinstance(value, list | tuple | set | frozenset):
        return [_cleaned(inner, depth + 1) for inner in value]
    return clean(str(value))
