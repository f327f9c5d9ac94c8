"""The page that starts the web app, and the health answer."""

import json
from collections.abc import Callable
from functools import lru_cache

from csp.constants import SELF
from csp.decorators import csp_replace
from django.conf import settings
from django.db import connections
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

#: part → check returning "" when well, else a Chinese sentence. Rooms are connected in `wiring`.
HEALTH: dict[str, Callable[[], str]] = {}


@ensure_csrf_cookie
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """The shell of the web app, the same for every site route."""
    return render(request, "site/shell.html", entries())


@csp_replace({"frame-ancestors": [SELF]})
@xframe_options_sameorigin
def preview(request: HttpRequest, hospital: str, token: str) -> HttpResponse:
    """The same for a preview, which the editors' screen shows in a frame of its own."""
    return page(request)


def entries() -> dict[str, list[str]]:
    """Addresses of the built entry, its styles and what it imports, by Vite's manifest."""
    return {kind: [static(f"site/{name}") for name in names] for kind, names in _manifest().items()}


@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """200 when every part answers, else 503 with the part and what is wrong."""
    parts = {"database": _database()}
    for key, check in HEALTH.items():
        parts[key] = "数据库没有应答，无从检查" if parts["database"] else check()
    well = not any(parts.values())
    return JsonResponse(
        {"status": "ok" if well else "error", "parts": {key: said or "ok" for key, said in parts.items()}},
        status=200 if well else 503,
        json_dumps_params={"ensure_ascii": False},
    )


def _database() -> str:
    try:
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT 1")
    except Exception:  # any failure of any driver means the same to the operator
        return "数据库没有应答"
    return ""


@lru_cache
def _manifest() -> dict[str, list[str]]:
    file = settings.SITE_DIST / "manifest.json"
    if not file.exists():
        return {"entry_js": [], "entry_css": [], "preload_js": []}
    built = json.loads(file.read_text())
    entry = next(part for part in built.values() if part.get("isEntry"))
    imported = [built[name] for name in entry.get("imports", [])]
    return {
        "entry_js": [entry["file"]],
        "entry_css": [*entry.get("css", []), *(css for part in imported for css in part.get("css", []))],
        "preload_js": [part["file"] for part in imported],
    }
