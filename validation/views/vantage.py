"""This portal as a vantage point of another: it looks at one name and tells what it sees."""

from __future__ import annotations

import hmac
import json
import re
import threading

from django.conf import settings
from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from identifiers import suffixes
from identifiers.names import UnacceptableName, parse
from validation.diagnosis import dns, http
from validation.fetcher import Fetcher
from validation.key_authorization import LABEL
from validation.methods.http_01 import FOLDER
from validation.resolver import Resolver
from validation.untrusted import clean

LONGEST_BODY = 2048
# A look may take ten seconds: so many at once, and the portal's own visitors still find a thread.
AT_ONCE = 4
_places = threading.BoundedSemaphore(AT_ONCE)
_EXPECTED = {
    "dns-01": re.compile(r"[\w-]{43}", re.ASCII),
    "http-01": re.compile(r"[\w-]{16,200}\.[\w-]{43}", re.ASCII),
}


@csrf_exempt
@require_POST
def look(request: HttpRequest) -> JsonResponse:
    """Answer `{in_place, finding, seen}` to whoever knows the shared token; to anybody else there is nothing here."""
    told = request.headers.get("Authorization", "").removeprefix("Bearer ")
    token = settings.VANTAGE_TOKEN
    if not token or not hmac.compare_digest(told.encode(), token.encode()):
        raise Http404
    try:
        name, method, expected = _question(request)
    except ValueError as wrong:
        return JsonResponse({"error": str(wrong)}, status=400)
    if not _places.acquire(blocking=False):
        return JsonResponse({"error": "busy"}, status=503, headers={"Retry-After": "5"})
    try:
        slug, seen = (_by_dns if method == "dns-01" else _by_http)(name, expected)
    finally:
        _places.release()
    return JsonResponse({"in_place": slug == "in_place", "finding": slug, "seen": clean(seen, 200)})


def _question(request: HttpRequest) -> tuple[str, str, str]:
    """Raises ValueError."""
    if int(request.headers.get("Content-Length") or 0) > LONGEST_BODY:
        raise ValueError("too long")
    body = json.loads(request.body)
    if not isinstance(body, dict):
        raise ValueError("not the agreed form")
    method, expected = str(body.get("method")), str(body.get("expected"))
    if method not in _EXPECTED or not _EXPECTED[method].fullmatch(expected):
        raise ValueError("not the agreed form")
    try:
        name = parse(str(body.get("name")), allow_reserved=settings.VALIDATION_RESERVED_NAMES, allow_ip=True)
    except UnacceptableName as wrong:
        raise ValueError("not a name") from wrong
    if name.wildcard or (name.is_ip and method == "dns-01"):
        raise ValueError("not a name")
    return name.ascii, method, expected


def _by_dns(name: str, expected: str) -> tuple[str, str]:
    wanted = dns.Wanted(f"{LABEL}.{name}", expected, suffixes.registrable(name), name)
    answer = Resolver.configured().txt(wanted.name)
    return dns.at_the_name(answer, wanted).slug, ", ".join(answer.values)


def _by_http(name: str, expected: str) -> tuple[str, str]:
    token = expected.partition(".")[0]
    host = f"[{name}]" if ":" in name else name
    wanted = http.Wanted(f"http://{host}{FOLDER}/{token}", f"{FOLDER}/", token, expected)
    reports = Fetcher.configured().fetch_each(wanted.url)
    slugs = [http.slug_of(report, wanted) for report in reports]
    failing = [at for at, slug in enumerate(slugs) if slug not in ("in_place", "http_no_route")]
    if not failing:
        return ("in_place" if "in_place" in slugs else slugs[0]), ""
    report = reports[failing[0]]
    return slugs[failing[0]], report.detail or report.body[:200].decode("utf-8", "replace")
