"""The rows of a frozen table through the one export path; a damaged table is refused."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from core.kernel.errors import NotFound, Refused
from core.policy.decide import can
from core.publications.domain import find, shown
from core.publications.models import Snapshot
from core.resources import export_asks
from core.resources.exporters import Exporter, Offer, Sheet, register_exporter
from core.resources.spec import Command, Done, Field, Row

NAME = TYPE = "publications.snapshot"
WAYS = ("view", "export")


def register() -> None:
    """Make the exporter known."""
    register_exporter(Exporter(NAME, offer, sheet))


def export_rows(command: Command, thing: Snapshot) -> Done:
    """The button on the page of a frozen table: asks for the file as every list does."""
    given = command.values
    answer = export_asks.ask(
        command.principal,
        NAME,
        {"uid": str(thing.uid)},
        purpose=str(given.get("purpose") or ""),
        purpose_text=str(given.get("purpose_text") or ""),
    )
    waits = answer.get("request")
    return Done(
        uid=str(thing.uid),
        message="已提交，等待另一位有权的人批准。" if waits else "正在导出。",
        href=waits["href"] if waits else None,
        job=answer.get("job"),
        event={"sha256": thing.sha256},
    )


def offer(principal: Any, asked: dict[str, Any]) -> Offer:
    """Whether the person may have this table now. Raises NotFound."""
    snapshot = find(asked["uid"], hospital=principal.hospital)
    if not all(can(principal, way, TYPE, snapshot).allowed for way in WAYS):
        raise NotFound()
    it = shown(snapshot)
    about = f"{it['period']}，第 {it['version']} 版"
    return Offer(TYPE, it["title"], snapshot.data_class, about, uid=str(snapshot.uid))


def sheet(principal: Any, asked: dict[str, Any], limit: int, ctx: Any) -> Sheet:
    """The frozen rows as they were published. Raises Refused for a table that does not verify."""
    snapshot = find(asked["uid"], hospital=principal.hospital)
    it = shown(snapshot)
    if not it["verified"]:
        raise Refused(it["refused"])
    if len(it["rows"]) > limit:
        raise Refused(f"这张表超过 {limit:,} 行，不能一次导出。")
    said = f"{it['period']}；第 {it['version']} 版；样本量 {it['n']:,}；校验值 {it['sha256']}；{it['method']}"
    return Sheet(
        title=it["title"],
        columns=tuple(Field(c["key"], c["label"], _type(c["type"])) for c in it["columns"]),
        rows=_rows(it, principal.hospital_id),
        said=said,
        facts={"snapshot": snapshot.sha256},
    )


def _type(kind: str) -> str:
    return kind if kind in ("number", "money", "percent") else "text"


def _rows(it: dict[str, Any], hospital: int) -> Iterator[Row]:
    numeric = {c["key"] for c in it["columns"] if c["type"] in ("number", "money", "percent")}
    for place, row in enumerate(it["rows"]):
        values = {
            key: Decimal(value) if key in numeric and isinstance(value, str) and value else value
            for key, value in row.items()
        }
        yield Row(uid=str(place), version=1, hospital=hospital, state="", label="", values=values)
