"""The first page and the menu: what waits for this person, and what this person may open."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest
from ninja import Path, Router

from core.api.org import health_card
from core.kernel import clock
from core.notify.domain import inbox
from core.plugin_host import dispatch
from core.plugin_host.manifest import manifests
from core.policy.activation import enabled_plugins
from core.policy.decide import may
from core.policy.principal import Principal

router = Router(tags=["home"])

WEEKDAYS = "一二三四五六日"
#: How many notices stand in the list of the first page; the box holds the rest.
SHOWN = 10

#: key, label, address below /h/<slug> (or of the content administration), icon, group, type, action
CORE_MENU = [
    ("content", "内容管理", "/admin/", "稿", "专栏", "cms.draft", "view"),
    ("lake-import", "导入数据", "/lake/import", "入", "数据", "lake.import", "import"),
    ("lake-ledger", "导入记录", "/r/lake.import", "录", "数据", "lake.import", "view"),
    ("publications", "公示存档", "/r/publications.snapshot", "档", "公示", "publications.snapshot", "export"),
    ("departments", "科室", "/r/org.department", "科", "组织", "org.department", "view"),
    ("people", "人员", "/r/org.person", "人", "组织", "org.person", "view"),
    ("posts", "任职", "/r/org.post", "职", "组织", "org.post", "view"),
    ("party", "党组织", "/r/org.party_org", "党", "组织", "org.party_org", "view"),
    ("campuses", "院区", "/r/org.campus", "区", "组织", "org.campus", "view"),
    ("calendar", "工作日历", "/r/org.calendar_day", "历", "组织", "org.calendar_day", "add"),
    ("hospital", "医院资料", "/r/org.hospital", "院", "组织", "org.hospital", "view"),
    ("regulations", "规则核对", "/r/regulations.rule", "核", "设置", "regulations.rule", "confirm"),
    ("plugins", "插件", "/plugins", "件", "设置", "core.plugin", "view"),
    ("deliveries", "消息发送", "/r/notify.delivery", "信", "设置", "notify.delivery", "view"),
    ("night-duty", "夜班", "/r/notify.night_duty", "夜", "组织", "notify.night_duty", "view"),
    ("roster", "人员导入", "/roster/import", "册", "组织", "roster.change_set", "import"),
    ("memberships", "党员", "/r/roster.membership", "员", "组织", "roster.membership", "view"),
    ("accounts", "账号", "/r/accounts.account", "号", "权限", "accounts.account", "view"),
    ("tokens", "接口令牌", "/r/accounts.token", "接", "权限", "accounts.token", "view"),
    ("why", "为什么能看", "/rights/why", "问", "权限", "policy.right", "why"),
    ("view-as", "以他人身份查看", "/rights/view-as", "代", "权限", "policy.right", "view_as"),
    ("delegations", "委托", "/r/policy.delegation", "托", "权限", "policy.right", "why"),
    ("recusals", "回避", "/r/policy.recusal", "避", "权限", "policy.recusal", "add"),
    ("exports", "导出审批", "/r/exports.export", "出", "数据", "exports.export", "approve_export"),
    ("record", "记录概览", "/record", "查", "记录", "audit.reading", "view"),
    ("status", "系统状态", "/status", "态", "设置", "core.status", "view"),
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
    items, total, more = _todos(todos)
    box = inbox.waiting(
        place,
        principal.person_id,
        besides=[item["href"] for item in items if item.get("href")],
        limit=SHOWN,
        today=now.date(),
    )
    items += [_notice(one) for one in box.items]
    items.sort(key=lambda item: (item.get("due") or {}).get("days_left", 10_000))
    if left := box.things - len(box.items):
        more.append({"n": left, "label": f"还有 {left} 条消息", "href": f"/h/{place.slug}/notices"})
    total += box.things
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
            "n": total,
            "sentence": f"今天有 {total} 件事等您" if total else "今天没有需要您办的事",
            "items": items,
            "more": more,
        },
        "notices": {"open": box.open},
        "tiles": [
            {"glyph": entry["icon"] or entry["label"][0], "label": entry["label"], "href": entry["href"]}
            for entry in entries(principal, hospital)
        ],
        "cards": [
            *(card for given in cards.given.values() for card in given or []),
            *health_card(principal, place),
            *broken,
        ],
    }


def _todos(answers: dispatch.Answers) -> tuple[list[dict[str, Any]], int, list[dict[str, Any]]]:
    """What waits; how much there is in all; where the rest is, for each kind that was cut."""
    items: list[dict[str, Any]] = []
    total, more = 0, []
    for answer in answers.given.values():
        for kind in [answer] if isinstance(answer, dict) else answer or []:
            shown = kind.get("items", [kind])  # without "items" it is one thing by itself
            items += shown
            total += kind.get("total", len(shown))
            left = kind.get("total", 0) - len(shown)
            if left > 0:
                label = f"还有 {left} 件{kind.get('label', '')}"
                more.append({"n": left, "label": label, "href": kind["href"]})
    return items, total, more


def _notice(one: dict[str, Any]) -> dict[str, Any]:
    """An open notice as an item of the one list; its thing is counted nowhere else."""
    item = {
        "title": one["title"],
        "hint": one["text"],
        "href": one["href"],
        "action_label": "去看",
        "notice": one["uid"],
    }
    return item | ({"due": one["due"]} if one["due"] else {})


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
        {"key": key, "label": label, "href": _address(slug, href), "icon": icon, "group": group}
        for key, label, href, icon, group, type_key, action in found
        if may(principal, action, type_key)
    ]


def _address(slug: str, href: str) -> str:
    """The content administration stands beside the site, everything else in the hospital."""
    return href if href.startswith("/admin/") else f"/h/{slug}{href}"


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
        said.append(
            f"{post.department_name} · {post.label}"
            if post.department_name and post.department_name != post.label
            else post.label
        )
    return sorted(set(said))
