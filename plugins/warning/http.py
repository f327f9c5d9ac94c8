"""Addresses of the plugin's own: the lines behind a warning. Mounted under /h/<hospital>/p/warning, behind the gate."""

from typing import Any

from django.http import HttpRequest

from core.plugin_api.http import Path, Router
from core.plugin_api.resources import gateway
from plugins.warning.models import Warning

router = Router(tags=["warning"])


@router.get("/warnings/{uuid:uid}/lines", response=dict[str, Any])
def warning_lines(
    request: HttpRequest,
    hospital: Path[str],
    uid: str,
    order: str = "",
    after: str | None = None,
    limit: int | None = None,
) -> dict[str, Any]:
    """One page of the lines behind a warning. 404 when the warning may not be seen."""
    from plugins.warning.queries.evidence import lines  # loads the engine

    principal = request.principal  # type: ignore[attr-defined]
    gateway.get(principal, "warning.warning", str(uid))
    warning = Warning.objects.select_related("finding__run").get(uid=uid)
    return lines(principal, warning.finding, order=order, after=after, limit=limit)
