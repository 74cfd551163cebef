"""The house is checked by its own tests: sizes, names, captions, settings."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = [
    "portal",
    "accounts",
    "audit",
    "orders",
    "certificates",
    "validation",
    "identifiers",
    "leases",
    "outbound",
    "sandbox",
    "runner",
]
ATTIC = {"utils.py", "helpers.py", "services.py", "common.py", "misc.py", "managers.py"}


def sources() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    paths = [ROOT / line for line in listed.splitlines()]
    return [
        p
        for p in paths
        if p.exists() and p.relative_to(ROOT).parts[0] in ROOMS and "migrations" not in p.parts
    ]


def test_a_file_is_one_noun_small_and_says_what_it_is():
    faults = []
    for path in sources():
        text, name = path.read_text(encoding="utf-8"), path.relative_to(ROOT)
        if len(text.splitlines()) > 400:
            faults.append(f"{name}: {len(text.splitlines())} lines, perhaps two nouns")
        if path.name in ATTIC:
            faults.append(f"{name}: an attic file")
        if text.strip() and not ast.get_docstring(ast.parse(text)):
            faults.append(f"{name}: no first line says what this file is")
    assert faults == []


def test_no_function_is_longer_than_a_screen():
    faults = []
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno
                if length > 60:
                    faults.append(f"{path.relative_to(ROOT)}: {node.name} has {length} lines")
    assert faults == []


def test_every_variable_that_the_settings_read_is_in_the_readme():
    settings = (ROOT / "portal/settings.py").read_text(encoding="utf-8")
    read = set(re.findall(r'env_(?:str|bool|int|list|choice)\(\s*"([A-Z_]+)"', settings))
    assert len(read) > 40
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert sorted(name for name in read if f"`{name}`" not in readme) == []


def test_every_variable_in_the_readmes_table_is_read():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = readme.split("## Configuration")[1].split("## Going")[0]
    named = set(re.findall(r"`([A-Z][A-Z_]{2,})`", table)) - {"NAME_FILE"}
    settings = (ROOT / "portal/settings.py").read_text(encoding="utf-8")
    assert sorted(name for name in named if f'"{name}"' not in settings) == []


def test_only_the_named_modules_touch_the_network():
    """Design rule 4: resolver, fetcher, connectors, gateways and mail; sandbox and runner are outside the portal."""
    allowed = re.compile(
        r"^(validation/(resolver|conversing|replies|server_names|fetcher|answers|zone_writer|vantage)\.py"
        r"|certificates/connectors/.*|orders/gateways/.*|accounts/mail\.py|portal/healthcheck\.py|sandbox/.*|runner/.*)$"
    )
    banned = {
        "socket",
        "requests",
        "http.client",
        "urllib.request",
        "smtplib",
        "stripe",
        "dns",
        "ssl",
        "httpx",
    }
    for path in sources():
        relative = str(path.relative_to(ROOT))
        if allowed.match(relative):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            for name in names:
                assert not banned & {name, name.split(".")[0]}, f"{relative} imports {name}"


def test_no_template_holds_inline_script_or_style():
    for path in (ROOT / "templates").rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        relative = path.relative_to(ROOT)
        assert not re.search(r"<style[\s>]", text), f"{relative}: inline style element"
        assert not re.search(r"<[a-z][^>]*\sstyle=", text), f"{relative}: inline style"
        assert not re.search(r"<[a-z][^>]*\son[a-z]+=", text), f"{relative}: inline handler"
        for script in re.findall(r"<script([^>]*)>", text):
            assert "src=" in script or "application/json" in script, f"{relative}: inline script"


def test_our_own_css_and_javascript_stay_small():
    ours = [*(ROOT / "static/css").glob("*.css"), *(ROOT / "static/js").glob("*.js")]
    served = [
        path for path in ours if path.name not in {"admin.css", "staff.css"}
    ]  # never sent to a customer
    assert sum(path.stat().st_size for path in served) < 50_000


def test_no_file_names_a_registry_or_a_path_of_one_machine():
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    forbidden = re.compile(
        r"index-url|--trusted-host|://[^ ]*/simple/|\"resolved\": *\"http|/(?:root|home)/\.?[a-z]+/"
    )
    for name in listed:
        path = ROOT / name
        if not path.is_file() or path.suffix in {".png", ".svg"} or name == "tests/house/test_layout.py":
            continue
        text = path.read_text(encoding="utf-8", errors="ignore").replace("--no-emit-index-url", "")
        found = forbidden.search(text)
        assert not found, f"{name}: {found.group(0) if found else ''}"
