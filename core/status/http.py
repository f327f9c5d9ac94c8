"""The status over HTTP: for the operator's page, and for a monitoring system."""

import ipaddress
import secrets
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from ninja import Router, Schema

from core.kernel import clock
from core.kernel.errors import NotFound
from core.org.domain.people import current_posts
from core.policy.decide import may
from core.policy.principal import principal_for
from core.status.board import board
from core.status.parts.servers import answering

router = Router(tags=["status"])


class FigureOut(Schema):
    """A number worth showing, as text."""

    label: str
    value: str


class PartOut(Schema):
    """One part: how it is, in a sentence, and what to do next (empty when well)."""

    key: str
    label: str
    state: str
    text: str
    next_step: str
    figures: list[FigureOut]


class StatusOut(Schema):
    """The whole installation; `overall` is the worst state."""

    overall: str
    at: str
    parts: list[PartOut]


@router.get("/status", response=StatusOut, operation_id="status")
def status(request: HttpRequest) -> dict[str, Any]:
    """How the installation is, for its administrators. 404 for everybody else."""
    if not _may_look(request.user):
        raise NotFound()
    with answering():
        return board().as_json()


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text: with the bearer token of QINGLIAN_METRICS_TOKEN, or asked directly on this machine."""
    if not _known_collector(request):
        return JsonResponse(
            NotFound().body(getattr(request, "request_id", "")),
            status=404,
            content_type="application/problem+json",
            json_dumps_params={"ensure_ascii": False},
        )
    with answering():
        text = board().as_metrics()
    return HttpResponse(text, content_type="text/plain; version=0.0.4; charset=utf-8")


def _may_look(user: Any) -> bool:
    """A right in any of the person's hospitals will do: there is one installation."""
    if user.person_id is None:
        return False
    seen = {}
    for post in current_posts(user.person_id, clock.today()):
        seen[post.hospital_id] = post.hospital
    return any(may(principal_for(user, hospital), "view", "core.status") for hospital in seen.values())


def _known_collector(request: HttpRequest) -> bool:
    """A wrong token is refused from everywhere. What came through a proxy is not from this machine."""
    given = request.headers.get("Authorization", "")
    if given:
        wanted = settings.METRICS_TOKEN
        return bool(wanted) and secrets.compare_digest(given.encode(), f"Bearer {wanted}".encode())
    if any(name in request.headers for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP")):
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
