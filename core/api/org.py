"""The line of health: what is missing in the hospital's organisation, over HTTP and as a card of the first page."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from ninja import Path, Router

from core.kernel.errors import NotFound
from core.org.domain.health import Finding, findings, sentence
from core.org.models import Hospital
from core.policy.decide import may
from core.policy.principal import Principal

router = Router(tags=["org"])


@router.get("/org/health", operation_id="org_health", response=dict[str, Any])
def health(request: HttpRequest, hospital: Path[str]) -> dict[str, Any]:
    """{sentence, items: [{n, text, href}]}, for whoever may register persons."""
    principal: Principal = request.principal  # type: ignore[attr-defined]
    if not _sees(principal):
        raise NotFound()
    found = findings(request.hospital)  # type: ignore[attr-defined]
    return {"sentence": sentence(found), "items": [_item(item, hospital) for item in found]}


def health_card(principal: Principal, hospital: Hospital) -> list[dict[str, Any]]:
    """The card of the first page: the gaps with a link to each list; none when nothing is missing or not to be seen."""
    found = findings(hospital) if _sees(principal) else []
    if not found:
        return []
    items = [
        {"label": item.text, "href": _href(item, hospital.slug), "value": "", "hint": "查看名单"}
        for item in found
    ]
    return [{"kind": "list", "title": "组织信息有缺漏", "items": items}]


def _sees(principal: Principal) -> bool:
    return may(principal, "add", "org.person")


def _item(item: Finding, slug: str) -> dict[str, Any]:
    return {"code": item.code, "n": item.n, "text": item.text, "href": _href(item, slug)}


def _href(item: Finding, slug: str) -> str:
    query = f"?{urlencode(item.filters)}" if item.filters else ""
    return f"/h/{slug}/r/{item.resource}{query}"
