"""The page of a frozen table: what it is, its figures, the rows, the versions. A damaged one shows the refusal alone."""

import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from core.lake import datasets
from core.publications.domain import find, shown
from core.publications.domain.show import ALTERED
from core.publications.models import Snapshot
from core.resources import panels as p
from core.resources.spec import Row


def panels(row: Row, principal: Any) -> list[dict[str, Any]]:
    """All panels of one frozen table."""
    snapshot = find(row.uid, hospital=principal.hospital)
    it = shown(snapshot)
    zone = ZoneInfo(snapshot.hospital.zone)
    if not it["verified"]:
        return [p.say("say", f"**{it['refused']}**"), _versions(it, zone)]
    found = [p.say("say", _sentence(it)), _facts(it)]
    if it["note"]:
        found.append(p.text("note", "说明", it["note"]))
    found.append(p.table("rows", "名单", it["columns"], it["rows"], count=len(it["rows"])))
    found += [_versions(it, zone), p.text("method", "计算方法", it["method"], place="side"), _fields(it)]
    return [*found, _basis(snapshot)]


def title(row: Row) -> str:
    """The frozen title; of a damaged one only that it is damaged."""
    return "未通过校验的排名" if row.values["standing"] == ALTERED else str(row.values["title"])


def subtitle(row: Row) -> str:
    """Period and version."""
    return "" if row.values["standing"] == ALTERED else f"{row.values['period']} · 第 {row.version} 版"


def badges(row: Row) -> list[dict[str, Any]]:
    """In use or corrected; who may see it."""
    standing = str(row.values["standing"])
    return [
        {"kind": "tag", "value": standing, "label": Snapshot.STANDINGS[standing]},
        {"kind": "tag", "value": row.state, "label": Snapshot.Audience(row.state).label}
        if row.state in Snapshot.Audience.values
        else {"kind": "tag", "value": "unknown", "label": "范围不明"},
    ]


def _sentence(it: dict[str, Any]) -> str:
    kept = f"{it['period']}，共 {len(it['rows'])} 行，冻结后不再改变，校验一致。"
    if it["version"] > 1:
        kept += f"这是第 **{it['version']}** 版，更正原因：{it['reason']}"
    if not it["current"]:
        kept += "**这一版已被更正**，请看最新的一版。"
    return kept


def _facts(it: dict[str, Any]) -> dict[str, Any]:
    return p.facts(
        "facts",
        [
            {"label": "样本量", "value": f"{it['n']:,}", "unit": "", "hint": "张处方"},
            {
                "label": "版次",
                "value": str(it["version"]),
                "unit": "",
                "hint": f"共 {len(it['versions'])} 版",
            },
            {"label": "校验值", "value": it["sha256"][:8], "unit": "", "hint": "全文见“冻结信息”"},
        ],
    )


def _fields(it: dict[str, Any]) -> dict[str, Any]:
    items = [
        ("audience", "公示范围", "text", Snapshot.Audience(it["audience"]).label),
        ("frozen_at", "冻结时间", "datetime", it["frozen_at"]),
        ("frozen_by", "冻结人", "text", it["frozen_by"]),
        ("sha256", "校验值", "code", it["sha256"]),
    ]
    return {
        "id": "frozen",
        "kind": "fields",
        "place": "side",
        "title": "冻结信息",
        "items": [
            {"key": key, "label": label, "type": kind, "value": value, "masked": False}
            for key, label, kind, value in items
        ],
    }


def _versions(it: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    items = []
    for one in reversed(it["versions"]):
        at = datetime.fromisoformat(one["frozen_at"]).astimezone(zone)
        said = f"{at:%Y-%m-%d %H:%M} · 校验值 {one['sha256'][:8]}"
        items.append(
            {
                "label": f"第 {one['version']} 版" + ("（在用）" if one["current"] else "（已更正）"),
                "href": "" if one["uid"] == it["uid"] else one["href"],
                "hint": f"{said} · {one['reason']}" if one["reason"] else said,
            }
        )
    return p.links("versions", "各版", items)


def _basis(snapshot: Snapshot) -> dict[str, Any]:
    """The pinned month versions in words: which data the table stands on."""
    basis = json.loads(snapshot.basis)
    labels = {key: d.label for key, d in datasets.all_datasets().items()}
    rows = []
    for name, pinned in sorted(basis.get("pins", {}).items()):
        months = [
            f"{month} 第 {version} 版" if month != "all" else f"第 {version} 版" for month, version in pinned
        ]
        rows.append({"dataset": labels.get(name, name), "versions": "；".join(months) or "没有数据"})
    columns = [
        {"key": "dataset", "label": "数据", "type": "text"},
        {"key": "versions", "label": "用到的各月版次", "type": "text"},
    ]
    return p.table("basis", "数据依据", columns, rows)
