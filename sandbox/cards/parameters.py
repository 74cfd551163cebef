"""Form bodies with nested brackets, as Stripe's SDKs send them, read into checked values."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from sandbox.cards.errors import Refusal, invalid, required

PIECE = re.compile(r"\[([^\[\]]*)\]")
MAX_DEPTH = 8
# A shape says which parameters exist: TEXT is a value, a dict has members, a list has items, ANY_KEYS is a free map.
TEXT = "text"
ANY_KEYS = "map"
Shape = Any
Parameters = dict[str, Any]


def decode(text: str) -> Parameters:
    """`a[b][0][c]=v` as {"a": {"b": [{"c": "v"}]}}; raises Refusal."""
    tree: Parameters = {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=2000)
    except ValueError as error:
        raise Refusal("The request has too many parameters.") from error
    for name, value in pairs:
        place(tree, split_name(name), value, name)
    return {key: lists(value) for key, value in tree.items()}


def split_name(name: str) -> list[str]:
    """`a[b][0]` as its parts; raises Refusal."""
    head, bracket, tail = name.partition("[")
    parts = [head, *PIECE.findall(bracket + tail)]
    written = head + "".join(f"[{part}]" for part in parts[1:])
    if written != name or "]" in head or len(parts) > MAX_DEPTH:
        raise invalid(f"Invalid parameter name: {name}", name)
    return parts


def place(tree: Parameters, parts: list[str], value: str, name: str) -> None:
    """Put a value at its place in the tree; `[]` appends; raises Refusal when two names contradict."""
    for depth, part in enumerate(parts[:-1]):
        key = str(len(tree)) if part == "" and depth else part
        branch = tree.setdefault(key, {})
        if not isinstance(branch, dict):
            raise invalid(f"Invalid parameter: {name}", name)
        tree = branch
    last = parts[-1]
    key = str(len(tree)) if last == "" and len(parts) > 1 else last
    if isinstance(tree.get(key), dict):
        raise invalid(f"Invalid parameter: {name}", name)
    tree[key] = value


def lists(value: Any) -> Any:
    """Maps whose keys are 0, 1, 2... as lists, at every depth."""
    if not isinstance(value, dict):
        return value
    inner = {key: lists(item) for key, item in value.items()}
    if inner and all(key.isascii() and key.isdigit() for key in inner):
        return [inner[key] for key in sorted(inner, key=int)]
    return inner


def check_known(value: Any, shape: Shape, path: str = "") -> None:
    """Refuse parameters that are not in `shape`, and maps or lists where a value belongs."""
    if shape == ANY_KEYS:
        check_metadata(value, path)
    elif isinstance(shape, dict):
        if not isinstance(value, dict):
            raise invalid(f"Invalid object: {path}", path)
        for key, item in value.items():
            inner = f"{path}[{key}]" if path else key
            if key not in shape:
                raise invalid(f"Received unknown parameter: {inner}", inner, "parameter_unknown")
            check_known(item, shape[key], inner)
    elif isinstance(shape, list):
        if not isinstance(value, list):
            raise invalid(f"Invalid array: {path}", path)
        for number, item in enumerate(value):
            check_known(item, shape[0], f"{path}[{number}]")
    elif not isinstance(value, str):
        raise invalid(f"Invalid string: {path}", path)


def check_metadata(value: Any, path: str) -> None:
    """Stripe's limits: 50 keys of 40 characters, values of 500; an empty value unsets all."""
    if value == "":
        return
    if isinstance(value, list):
        value = {str(number): item for number, item in enumerate(value)}
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise invalid(f"Invalid hash: {path}", path)
    if len(value) > 50:
        raise invalid("You may only specify up to 50 metadata keys.", path)
    for key, item in value.items():
        if len(key) > 40 or len(item) > 500:
            raise invalid(
                "Metadata keys can be up to 40 characters long and values up to 500.",
                f"{path}[{key}]",
                "parameter_invalid",
            )


def metadata(value: Any) -> dict[str, str]:
    """Checked metadata as a map."""
    if isinstance(value, list):
        return {str(number): str(item) for number, item in enumerate(value)}
    return dict(value) if isinstance(value, dict) else {}


def integer(value: Any, param: str, low: int, high: int) -> int:
    """A whole number in decimal digits; raises Refusal."""
    if not isinstance(value, str) or not re.fullmatch(r"-?\d{1,15}", value, re.ASCII):
        raise invalid(f"Invalid integer: {value}", param, "parameter_invalid_integer")
    number = int(value)
    if not low <= number <= high:
        raise invalid(
            f"{param} must be between {low} and {high}, not {number}.", param, "parameter_invalid_integer"
        )
    return number


def boolean(value: Any, param: str) -> bool:
    """`true` or `false`; raises Refusal."""
    if value not in {"true", "false"}:
        raise invalid(f"Invalid boolean: {value}", param)
    return bool(value == "true")


def one_of(value: Any, allowed: Iterable[str], param: str) -> str:
    """One of the words allowed; raises Refusal."""
    words = list(allowed)
    if value not in words:
        raise invalid(f"Invalid {param}: must be one of {', '.join(words)}", param)
    return str(value)


def web_address(params: Parameters, param: str, *, needed: bool) -> str | None:
    """An absolute http(s) URL; raises Refusal."""
    value = params.get(param)
    if not value:
        if needed:
            raise required(param)
        return None
    parts = urlsplit(str(value))
    if parts.scheme not in {"http", "https"} or not parts.hostname or len(str(value)) > 5000:
        raise invalid("Not a valid URL", param, "url_invalid")
    return str(value)
