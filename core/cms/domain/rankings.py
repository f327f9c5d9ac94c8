"""Frozen rankings as pages show them: the room of publications keeps them and says whether they are sound."""

import json
from typing import Any

from core.cms.blocks import is_number
from core.cms.models.pages import PUBLIC
from core.kernel.errors import Problem
from core.publications import domain as publications
from core.publications.models import Snapshot

#: Most bars that a chart in a page draws.
MAX_BARS = 30
MISSING = "这份排名不存在或不对您公开。"


def find_snapshot(uid: Any, hospital: Any) -> Snapshot | None:
    """The frozen ranking of this hospital; None for an unknown one."""
    try:
        return publications.find(str(uid), hospital=hospital)
    except Problem:
        return None


def ranking_out(uid: Any, hospital: Any, *, inside: bool, href: str, version: str = "") -> dict[str, Any]:
    """The ranking of a page. `inside`: the reader may see what is for the hospital alone. `version` picks an older one."""
    found = find_snapshot(uid, hospital) if uid else None
    if found is None or not (inside or found.audience == PUBLIC):
        return _refused(MISSING)
    versions = [one for one in publications.chain(found) if inside or one.audience == PUBLIC]
    wanted = next((one for one in versions if str(one.version) == version), found)
    shown = publications.shown(wanted, href=lambda one: f"{href}?version={one.version}")
    kept = {one.version for one in versions}
    shown["versions"] = [one for one in shown["versions"] if one["version"] in kept]
    return shown


def chart_out(block: Any, hospital: Any, *, inside: bool) -> dict[str, Any]:
    """A chart block: bars of one column of a frozen ranking, with its table twin."""
    found = find_snapshot(block["snapshot"], hospital)
    empty = {
        "title": block["title"],
        "x": [],
        "series": [],
        "band": None,
        "limits": [],
        "notes": [],
        "unit": "",
    }
    if found is None or not (inside or found.audience == PUBLIC):
        return empty | {"refused": MISSING, "table": {"columns": [], "rows": []}}
    if not publications.verify(found):
        return empty | {"refused": publications.REFUSED, "table": {"columns": [], "rows": []}}
    columns = {column["key"]: column for column in json.loads(found.columns)}
    name, value = block["label_column"], block["value_column"]
    if name not in columns or value not in columns:
        return empty | {"refused": "图表所选的列在这份排名中不存在。", "table": {"columns": [], "rows": []}}
    rows = json.loads(found.rows)[:MAX_BARS]
    texts = ["" if row[value] is None else str(row[value]) for row in rows]
    bars = [float(text.replace(",", "")) if is_number(text) else None for text in texts]
    return {
        "title": block["title"],
        "hint": f"{found.title}，{found.period}，样本量 {found.n}。",
        "x": [str(row[name]) for row in rows],
        "series": [{"key": value, "label": columns[value]["label"], "role": "subject", "values": bars}],
        "band": None,
        "limits": [],
        "notes": [],
        "unit": columns[value].get("unit", ""),
        "table": {
            "columns": [columns[name]["label"], columns[value]["label"]],
            "rows": [[str(row[name]), text] for row, text in zip(rows, texts, strict=True)],
        },
    }


def _refused(reason: str) -> dict[str, Any]:
    return {
        "title": "",
        "method": "",
        "period": "",
        "n": 0,
        "frozen_at": "",
        "sha256": "",
        "version": 0,
        "verified": False,
        "refused": reason,
        "columns": [],
        "rows": [],
        "note": "",
        "versions": [],
    }
