"""What web servers answer at the challenge's address instead of the file, and what we must say."""

from __future__ import annotations

from tests.validation.conftest import KEY_AUTHORIZATION, TOKEN
from tests.validation.fake_web import Page, drip, endless, hang_up, page, raw, redirect, silence
from validation.key_authorization import value_of

FOLDER = "/.well-known/acme-challenge/"
HTML = "<!doctype html><html><title>Shop</title><body>Welcome to our shop</body></html>"
LOGIN = '<html><form><input name="user"><input type="password" name="p"></form></html>'
HOST = "web.example"
# Pages of the same site beside the challenge's.
SITE = {"/": page(HTML), "/login?next=x": page(LOGIN)}


def table(token: str, key_authorization: str) -> dict[str, tuple[Page, str]]:
    """What stands at the challenge's address, and the slug."""
    path = FOLDER + token
    return {
        "not found": (page("nothing here", 404), "http_not_found"),
        "gone": (page("gone", 410), "http_not_found"),
        "404 that repeats the path": (page(f"<html>No {path} here</html>", 404), "http_not_found"),
        "404 with the right content": (page(key_authorization, 404), "http_not_found"),
        "200 that repeats the path": (page(f"<html>No {path} here</html>"), "http_echo"),
        "a web page": (page(HTML), "http_html"),
        "a sign-in page": (page(LOGIN), "http_login"),
        "password wanted": (page("no", 401), "http_forbidden"),
        "forbidden": (page("no", 403), "http_forbidden"),
        "blocked by law": (page("no", 451), "http_forbidden"),
        "too many requests": (page("later", 429), "http_too_many"),
        "broken application": (page("oops", 500), "http_server_error"),
        "maintenance": (page("later", 503), "http_server_error"),
        "partial content": (page(key_authorization, 206), "http_status"),
        "other text": (page("hello"), "http_wrong_body"),
        "empty file": (page(""), "http_wrong_body"),
        "its own name": (page(token), "http_token"),
        "another account": (
            page(f"{token}.9tQ4uVJiUPn5Xa0b8oZr3kQ1cYw2dE7fG6hL0mNpRsT"),
            "http_other_account",
        ),
        "cut off": (page(key_authorization[:-9]), "http_cut_off"),
        "blank before": (page(f"  {key_authorization}"), "http_whitespace"),
        "line break inside": (page(key_authorization.replace(".", ".\n")), "http_whitespace"),
        "byte order mark": (page(b"\xef\xbb\xbf" + key_authorization.encode()), "http_bom"),
        "utf-16": (page(key_authorization.encode("utf-16")), "http_utf16"),
        "quotation marks": (page(f'"{key_authorization}"'), "http_quotes"),
        "small letters": (page(key_authorization.lower()), "http_case"),
        "the dns value": (page(value_of(key_authorization)), "http_dns_value"),
        "in html": (page(f"<p>{key_authorization}</p>"), "http_html_around"),
        "twice": (page(f"{key_authorization}\n{key_authorization}"), "http_trailing_data"),
        "a long text": (page("x" * 5000), "http_too_large"),
        "a gigabyte": (endless, "http_too_large"),
        "control characters": (page("\x1b[31m\x00\u202e"), "http_wrong_body"),
        "closed at once": (hang_up, "http_closed"),
        "no http": (raw(b"220 mail.example ESMTP\r\n"), "http_no_http"),
        "slow drip": (drip(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 4000, 0.05), "http_timeout"),
        "silent": (silence, "http_timeout"),
        "redirect to the front page": (redirect("/"), "http_redirect_elsewhere"),
        "redirect to a lost page": (redirect(f"http://{HOST}/lost"), "http_redirect_elsewhere"),
        "redirect to a sign-in": (redirect("/login?next=x"), "http_login"),
        "redirect to itself": (redirect(path), "http_redirect_loop"),
        "see other": (redirect("/x", 303), "http_bad_redirect"),
        "redirect to a strange port": (redirect(f"http://{HOST}:8080/x"), "http_bad_redirect"),
        "redirect to an address": (redirect("http://192.0.2.1/x"), "http_bad_redirect"),
        "redirect to loopback": (redirect("http://127.0.0.1/x"), "http_bad_redirect"),
        "redirect to a file": (redirect("file:///etc/passwd"), "http_bad_redirect"),
        "redirect to an inner name": (redirect("http://private.example/x"), "http_private_address"),
        "redirect to the metadata": (
            redirect("http://metadata.private.example/latest"),
            "http_private_address",
        ),
        "redirect to link-local": (redirect("http://linklocal.private.example/"), "http_private_address"),
        "redirect to a mapped address": (redirect("http://mapped.private.example/"), "http_private_address"),
        "redirect to nowhere": (redirect("http://nowhere.example/x"), "http_redirect_elsewhere"),
        "redirect to closed https": (redirect(f"https://{HOST}{path}"), "http_refused"),
    }


def astray(token: str) -> dict[str, tuple[str, str]]:
    """Where the right file stands instead, with the slug, by what its finding must name."""
    path = FOLDER + token
    return {
        ".txt": (f"{path}.txt", "http_txt_extension"),
        ".html": (f"{path}.html", "http_txt_extension"),
        f"{token}/{token}": (f"{path}/{token}", "http_folder"),
        f"/{token}": (f"/{token}", "http_wrong_folder"),
        "/acme-challenge/": (f"/acme-challenge/{token}", "http_wrong_folder"),
        "/well-known/": (f"/well-known/acme-challenge/{token}", "http_wrong_folder"),
        "pki-validation": (f"/.well-known/pki-validation/{token}", "http_wrong_folder"),
    }


# What a site that answers everything with the same says.
ALL_THE_SAME = {"a page": HTML, "a word": "ok", "a long text": "x" * 9000}

PATH = FOLDER + TOKEN
TABLE = table(TOKEN, KEY_AUTHORIZATION)
