"""The first page and the menu: what waits for this person, and what this person may open."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest
from ninja import Path, Router

from core.kernel import clock
from core.plugin_host import dispatch
from core.plugin_host.manifest import manifests
from core.policy.activation import enabled_plugins
from core.policy.decide import may
from core.policy.principal import Principal
from core.policy.roles import role_label

router = Router(tags=["home"])

WEEKDAYS = "一二三四五六日"

#: key, label, address below /h/<slug>, icon, group, type, action
CORE_MENU = [
    ("lake-import", "导入数据", "/lake/import", "入", "数据", "lake.import", "import"),
    ("lake-ledger", "导入记录", "/r/lake.import", "录", "数据", "lake.import", "view"),
    ("departments", "科室", "/r/org.department", "科", "组织", "org.department", "view"),
    ("people", "人员", "/r/org.person", "人", "组织", "org.person", "view"),
    ("plugins", "插件", "/plugins", "件", "设置", "core.plugin", "view"),
]


@router.get("/menu", response=list[dict[str, Any]])
def menu(request: HttpRequest, hospital: Path[str]) -> list[dict[str, Any]]:
    """Menu entries this person may open in this hospital."""
    return entries(request.principal, hospital)  # type: ignore[attr-defined]


@router.get("/home", response=dict[str, Any])
def home(request: HttpRequest, hospital: Path[str]) -> dict[str, Any]:
    """The home page: one number first, then tiles and cards."""
    principal: Principal = request.principal  # type: ignore[attr-defined]
    place = request.hospital  # type: ignore[attr-defined]
    now = clock.now().astimezone(ZoneInfo(place.zone))
    todos = dispatch.call("home_todos", place.id, principal=principal, today=now.date())
    cards = dispatch.call("home_cards", place.id, principal=principal, today=now.date())
    items = sorted(
        (item for given in todos.given.values() for item in given or []),
        key=lambda item: item.get("due", {}).get("days_left", 10_000),
    )
    names = {code: found.name for code, found in manifests().items()}
    broken = [
        {
            "kind": "notice",
            "title": f"“{names.get(code, code)}”暂时没有应答",
            "text": "其他内容不受影响，请稍后再试。",
        }
        for code in sorted({*todos.failed, *cards.failed})
    ]
    return {
        "hospital": {"slug": place.slug, "name": place.name},
        "me": {"name": principal.label, "role_labels": _roles(principal)},
        "greeting": f"{principal.label}，{_part_of_day(now)}",
        "date_line": f"{now.month}月{now.day}日 星期{WEEKDAYS[now.weekday()]}",
        "todo": {
            "n": len(items),
            "sentence": "件事等您处理" if items else "今天没有需要您处理的事",
            "items": items,
        },
        "tiles": [
            {"glyph": entry["icon"] or entry["label"][0], "label": entry["label"], "href": entry["href"]}
            for entry in entries(principal, hospital)
        ],
        "cards": [card for given in cards.given.values() for card in given or []] + broken,
    }


def entries(principal: Principal, slug: str) -> list[dict[str, Any]]:
    """The menu: plugins' entries first, then the core's."""
    on = enabled_plugins(principal.hospital_id)
    found = [
        (m.key, m.label, m.href, m.icon, m.group or manifest.name, m.type, m.action)
        for code, manifest in sorted(manifests().items())
        if code in on
        for m in manifest.menu
    ] + CORE_MENU
    return [
        {"key": key, "label": label, "href": f"/h/{slug}{href}", "icon": icon, "group": group}
        for key, label, href, icon, group, type_key, action in found
        if may(principal, action, type_key)
    ]


def _part_of_day(now: datetime) -> str:
    return (
        "夜深了"
        if now.hour < 5
        else "早上好"
        if now.hour < 11
        else "中午好"
        if now.hour < 13
        else "下午好"
        if now.hour < 18
        else "晚上好"
    )


def _roles(principal: Principal) -> list[str]:
    said = []
    for post in principal.posts:
        label = post.title or role_label(post.role)
        said.append(
            f"{post.department_name} · {label}"
            if post.department_name and post.department_name != label
            else label
        )
    return sorted(set(said))
