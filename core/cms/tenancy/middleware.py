"""The gate of Wagtail's admin: whose hospital, which views, which content policy. One place for all three."""

from collections.abc import Callable
from typing import Any

from csp.constants import SELF, UNSAFE_INLINE
from django.core.exceptions import ObjectDoesNotExist
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from core.cms.tenancy import library
from core.cms.tenancy.groups import reach_of
from core.cms.tenancy.reach import Reach, install, reaching
from core.cms.tenancy.views import EDITORS, FRAMED, OPEN

ADMIN = "/admin/"
#: The page editor alone: its rich-text fields write `style` attributes. Scripts stay as strict as everywhere.
EDITOR_POLICY = {"style-src": [SELF, UNSAFE_INLINE]}
#: Shown inside the editor, in a frame of the same origin.
FRAMED_POLICY = {"frame-ancestors": [SELF]}


class AdminTenancy:
    """Limits a request below /admin/ to the person's hospitals and to the views that are open to them.

    Anonymous people go on to the sign-in gate, the system administrator has no limit.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        install()
        library.install()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(ADMIN):
            return self.get_response(request)
        user, reach = request.user, None
        if user.is_authenticated and not (user.is_active and user.is_superuser):
            reach = reach_of(user)
        request.reach = reach  # type: ignore[attr-defined]
        with reaching(reach):
            response = self.get_response(request)
        _policy(request, response)
        return response

    def process_view(
        self, request: HttpRequest, view: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        """403 for a view that is not open to the person."""
        reach: Reach | None = getattr(request, "reach", None)
        if reach is None:
            return None
        name = _name(request)
        if name in {"wagtailadmin_sprite", "wagtailadmin_javascript_catalog", "admin_gate"}:
            return None
        if reach.hospitals and name == "wagtailadmin_account" and request.method == "GET":
            return HttpResponseRedirect(f"/h/{reach.slugs[0]}/me")
        if reach.hospitals and (name in OPEN or not name):
            return None
        return render(request, "site/forbidden.html", status=403)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """404 where a view of Wagtail's looks up a number without asking whether it is there (copying to a page)."""
        if getattr(request, "reach", None) is not None and isinstance(error, ObjectDoesNotExist):
            return render(request, "site/forbidden.html", status=404)
        return None


def _name(request: HttpRequest) -> str:
    match = request.resolver_match
    return match.view_name if match is not None and match.url_name else ""


def _policy(request: HttpRequest, response: HttpResponse) -> None:
    name = _name(request)
    if name in EDITORS:
        response._csp_replace = EDITOR_POLICY  # type: ignore[attr-defined]
    elif name in FRAMED:
        response._csp_replace = FRAMED_POLICY  # type: ignore[attr-defined]
        response.headers["X-Frame-Options"] = "SAMEORIGIN"
