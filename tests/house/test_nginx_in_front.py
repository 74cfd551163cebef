"""The Nginx configuration that stands before a production portal: real Nginx, the portal behind it in production mode."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from sandbox.free_ports import free_port
from tests.contracts.ca import TestAuthority
from tests.house.test_deployment import SAFE
from tests.servers import running, running_nginx, running_postgres, running_redis

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.server


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args, **kwargs):
        return None


def ask(port: int, path: str, *, tls: bool, **headers: str):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    opener = urllib.request.build_opener(NoRedirect, urllib.request.HTTPSHandler(context=context))
    scheme = "https" if tls else "http"
    request = urllib.request.Request(
        f"{scheme}://127.0.0.1:{port}{path}", headers={"Host": "ssl.example.com", **headers}
    )
    try:
        return opener.open(request, timeout=15)
    except urllib.error.HTTPError as answer:
        return answer


def test_production_answers_through_nginx_with_every_guard_in_place(tmp_path):
    certificate, key = TestAuthority("portal").write_server_pair(tmp_path)
    web, plain, secure = free_port(), free_port(), free_port()
    block = (ROOT / "docs/nginx/portal.conf").read_text(encoding="utf-8")
    block = block.replace("/etc/nginx/tls/fullchain.pem", str(certificate)).replace(
        "/etc/nginx/tls/key.pem", str(key)
    )
    block = block.replace("http2 on;", "").replace("http://web:8000", f"http://127.0.0.1:{web}")
    block = block.replace("listen [::]:80 default_server;", "").replace(
        "listen [::]:443 ssl default_server;", ""
    )
    block = block.replace("listen 80 ", f"listen 127.0.0.1:{plain} ").replace(
        "listen 443 ", f"listen 127.0.0.1:{secure} "
    )
    with running_postgres(tmp_path / "postgres") as database, running_redis(tmp_path / "redis") as redis:
        env = {
            "PATH": os.environ["PATH"],
            **SAFE,
            "VAR_DIR": str(tmp_path / "var"),
            "TRUSTED_PROXIES": "1",
            "METRICS_TOKEN": "t",
        }
        env |= {"DATABASE_URL": database, "REDIS_URL": redis}
        for words in (
            ["migrate", "--verbosity", "0"],
            ["collectstatic", "--noinput", "--verbosity", "0"],
            ["seed_catalogue"],
        ):
            subprocess.run(
                [sys.executable, "manage.py", *words], cwd=ROOT, env=env, check=True, capture_output=True
            )
        gunicorn = [
            sys.executable,
            "-m",
            "gunicorn",
            "portal.wsgi",
            "--bind",
            f"127.0.0.1:{web}",
            "--no-control-socket",
        ]
        with (
            running(gunicorn, web, tmp_path / "web.log", env=env, bare=True),
            running_nginx(tmp_path / "nginx", block, secure),
        ):
            _look(plain, secure)


def _look(plain: int, secure: int) -> None:
    answer = ask(plain, "/products/", tls=False)
    assert answer.status == 301
    assert answer.headers["Location"] == "https://ssl.example.com/products/"

    page = ask(secure, "/products/", tls=True)
    assert page.status == 200
    assert b"Order now" in page.read()
    headers = page.headers
    assert "max-age=63072000" in headers["Strict-Transport-Security"]
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"

    login = ask(secure, "/accounts/login/", tls=True)
    cookie = login.headers["Set-Cookie"]
    assert cookie.startswith("__Host-csrftoken=")
    assert "Secure" in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie

    assert ask(secure, "/styleguide/", tls=True).status == 404
    assert ask(secure, "/", tls=True, Host="evil.example").status == 400
    assert ask(secure, "/health/live", tls=True).status == 200
    # Not even with the token: Nginx has no such page.
    assert ask(secure, "/metrics", tls=True, Authorization="Bearer t").status == 404
