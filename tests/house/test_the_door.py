"""Every request that leaves the house passes `outbound.call`: a lint over the few modules that may touch the network."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# What speaks to the network in the libraries that we use, and the one function of ours that may say it bare:
# whoever calls that function is held to the same rule.
PRIMITIVES = {
    "self._pool.urlopen": "_send",
    "socket.create_connection": "_connect",
    "dns.query.udp": None,
    "dns.query.tcp": None,
    "message.send": None,
    "session.post": None,
    "self._send": None,
    "self._connect": None,
}
# Every verb of the gateway's library; each is handed to the one function that passes the door.
GATEWAY = "self.client.v1."
# Names that would be another way out; none of them is used today.
OTHER_WAYS_OUT = {
    "requests.get", "requests.post", "requests.head", "requests.request", "urllib3.request", "urlopen", "urllib.request.urlopen",
    "dns.query.udp_with_fallback", "dns.query.tls", "dns.query.https", "dns.resolver.resolve", "smtplib.SMTP",
    "send_mail", "send_mass_mail", "mail_admins", "get_connection().send_messages", "socket.socket",
    "http.client.HTTPConnection", "http.client.HTTPSConnection", "asyncio.open_connection",
}  # fmt: skip
ROOMS = ("portal", "accounts", "audit", "orders", "certificates", "validation", "identifiers", "leases")
# The container's own question to its own server, which is no part of the walk.
LEFT_OUT = {"portal/healthcheck.py"}


def files() -> Iterator[Path]:
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            if "migrations" not in path.parts and str(path.relative_to(ROOT)) not in LEFT_OUT:
                yield path


def faults_in(text: str) -> list[str]:
    """Return the calls in this source that leave the house past the door."""
    found: list[str] = []

    def walk(node: ast.AST, function: str, at_the_door: bool) -> None:
        if isinstance(node, ast.FunctionDef):
            function, at_the_door = node.name, False
        if isinstance(node, ast.With):
            at_the_door = at_the_door or any(_is_door(item.context_expr) for item in node.items)
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name in OTHER_WAYS_OUT:
                found.append(f"{node.lineno}: {name}")
            if name in PRIMITIVES and not at_the_door and PRIMITIVES[name] != function:
                found.append(f"{node.lineno}: {name}")
            if name.startswith(GATEWAY) and not _passes_exchange(node):
                found.append(f"{node.lineno}: {name}")
        for child in ast.iter_child_nodes(node):
            child.parent = node  # type: ignore[attr-defined]
            walk(child, function, at_the_door)

    walk(ast.parse(text), "", False)
    return found


def calls_in(text: str) -> Iterator[str]:
    """Yield the name of everything that this source calls."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def _is_door(expression: ast.expr) -> bool:
    return isinstance(expression, ast.Call) and ast.unparse(expression.func) == "call"


def _passes_exchange(node: ast.AST) -> bool:
    """True inside what is handed to `exchange(...)`, or inside a function that is handed to it by name."""
    while (node := getattr(node, "parent", None)) is not None:
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "exchange":
            return True
        if isinstance(node, ast.FunctionDef):
            return node.name in {"read", "_listed"}
    return False


def test_nothing_leaves_the_house_past_the_door():
    faults = {
        str(path.relative_to(ROOT)): found
        for path in files()
        if (found := faults_in(path.read_text(encoding="utf-8")))
    }
    assert faults == {}


def test_every_way_out_that_is_named_is_one_that_is_used():
    """A name that is gone from the code lets whatever took its place pass unseen."""
    called = {name for path in files() for name in calls_in(path.read_text(encoding="utf-8"))}
    assert set(PRIMITIVES) <= called
    assert any(name.startswith(GATEWAY) for name in called)


@pytest.mark.parametrize(
    "source",
    [
        "import requests\nrequests.get('https://ca.example')",
        "def f(self):\n    self._pool.urlopen(url)",
        "def f(q):\n    return dns.query.udp(q, 'a')",
        "def f(self):\n    self._connect('a', 80)",
        "def f(message):\n    message.send()",
        "def f(self):\n    return self.client.v1.refunds.list({})",
        "with open('x') as f:\n    dns.query.tcp(q, 'a')",
    ],
)
def test_the_lint_sees_what_goes_past_the_door(source):
    assert faults_in(source)


def test_the_lint_lets_through_what_passes_the_door():
    assert not faults_in("with call('dns', 'TXT', a):\n    dns.query.udp(q, a)")
    assert not faults_in("def f(self):\n    return exchange('x', lambda: self.client.v1.refunds.list({}))")
