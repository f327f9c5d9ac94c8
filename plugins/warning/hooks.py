"""What the plugin adds to the first page."""

from datetime import date
from typing import Any

from django.db.models import Count

from core.plugin_api import Principal, impl, may, q
from core.plugin_api.flow import due_text
from plugins.warning.models import LEVELS, Warning


@impl
def home_todos(principal: Principal, today: date) -> list[dict[str, Any]]:
    """Warnings that wait for this person: to answer for heads, to judge for those who may close."""
    return [
        _waiting(principal, today, *kind)
        for kind in (
            ("answer", "waiting", "请说明情况并附材料", "去说明", "待说明的预警"),
            ("close", "answered", "科室已说明，待核实结案", "去核实", "待核实的预警"),
        )
        if may(principal, kind[0], "warning.warning")
    ]


#: How many of a kind the first page shows; the list holds the rest.
SHOWN = 20


def _waiting(
    principal: Principal, today: date, action: str, state: str, hint: str, button: str, label: str
) -> dict[str, Any]:
    slug = principal.hospital.slug if principal.hospital else ""
    rows = _visible(principal, action).filter(flow__state=state).order_by("flow__due_on", "id")
    first = list(rows[: SHOWN + 1])
    return {
        "items": [_item(warning, slug, hint, button, today) for warning in first[:SHOWN]],
        "total": rows.count() if len(first) > SHOWN else len(first),
        "label": label,
        "href": f"/h/{slug}/r/warning.warning?state={state}",
    }


@impl
def home_cards(principal: Principal, today: date) -> list[dict[str, Any]]:
    """Open warnings by level, for those who may see any."""
    if not may(principal, "view", "warning.warning"):
        return []
    slug = principal.hospital.slug if principal.hospital else ""
    rows = _visible(principal, "view").exclude(flow__state="closed").order_by()
    counts = dict(rows.values_list("level").annotate(n=Count("id")))
    newest = rows.order_by("-level_rank", "-id").select_related("flow")[:5]
    return [
        {
            "kind": "figures",
            "title": "未结案的预警",
            "href": f"/h/{slug}/r/warning.warning",
            "items": [
                {"label": label, "value": str(counts.get(code, 0)), "unit": "条", "level": code}
                for code, label in reversed(LEVELS)
            ],
        },
        {
            "kind": "list",
            "title": "最需要看的预警",
            "href": f"/h/{slug}/r/warning.warning",
            "items": [
                {
                    "label": warning.title,
                    "hint": warning.period,
                    "level": warning.level,
                    "href": _href(slug, warning),
                }
                for warning in newest
            ],
            "empty": "没有未结案的预警。",
        },
    ]


@impl
def demo_world(world: Any, hospital: Any) -> None:
    """Compute the demonstration's warnings and hand a few to their departments. Safe to repeat."""
    from plugins.warning.domain.demo import fill  # loads the engine

    fill(world, hospital)


def _visible(principal: Principal, action: str) -> Any:
    rows = Warning.unscoped.filter(hospital_id=principal.hospital_id).filter(
        q(principal, action, "warning.warning")
    )
    return rows.select_related("flow")


def _item(warning: Warning, slug: str, hint: str, label: str, today: date) -> dict[str, Any]:
    item: dict[str, Any] = {
        "title": warning.title,
        "hint": hint,
        "href": _href(slug, warning),
        "action_label": label,
        "level": warning.level,
    }
    if warning.flow.due_on:
        item["due"] = due_text(warning.flow, today)
    return item


def _href(slug: str, warning: Warning) -> str:
    return f"/h/{slug}/r/warning.warning/{warning.uid}"
