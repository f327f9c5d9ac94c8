"""The lines behind a warning: the files its run pinned, the condition its rule gave, the reader's own rights."""

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from core.plugin_api import Hospital, Principal, lake
from core.plugin_api.resources import Field, ResourceSpec, gateway, nested
from plugins.warning.models import Finding

#: What a reader sees of a line, in this order; other columns stand on the page of the file's row.
SHOWN = {
    "prescription_lines": ("date", "rx", "doctor", "patient", "item", "qty", "amount"),
    "access_log": ("time", "user", "role", "ip", "group_by", "rows"),
    "rep_visits": ("date", "rep", "supplier", "department", "registered"),
}

#: Columns that hold numbers of the code table and read as text.
CODES = {"doctor", "patient", "item"}

TYPES = {
    "decimal": "money",
    "date": "date",
    "time": "datetime",
    "month": "month",
    "integer": "number",
    "boolean": "bool",
}


def lines(
    principal: Principal,
    finding: Finding,
    *,
    order: str = "",
    after: str | None = None,
    limit: int | None = None,
) -> dict[str, Any]:
    """One page of exactly the lines that the finding stands on: {rows, columns, next, count, as_of}."""
    dataset = finding.evidence["dataset"]
    versions = lake.pinned(
        principal.hospital_id, dataset, finding.run.pins.get(dataset, []), _months(finding)
    )
    hospital = Hospital.objects.get(pk=principal.hospital_id)
    as_of = finding.run.as_of.astimezone(ZoneInfo(hospital.zone)).date().isoformat()
    found = nested(
        _spec(dataset, hospital.zone), lake.line_source(dataset, versions, _label_column(dataset), as_of)
    )
    page = gateway.rows(
        principal,
        found,
        where=instants(finding.evidence["where"], dataset, hospital.zone),
        order=order or _order(finding),
        after=after,
        limit=limit,
    )
    _name(hospital, finding, page["rows"])
    page["columns"] = [
        *(_column(f) for f in found.spec.fields if f.column),
        {"key": "source", "label": "来源", "type": "link"},
    ]
    return page


def instants(tree: dict[str, Any], dataset: str, zone: str) -> dict[str, Any]:
    """The condition with offsets on its instants: landed times are the hospital's own clock, without a zone."""
    times = {name for name, kind in lake.schema(dataset).items() if kind == "TIMESTAMP"}

    def settle(node: Any) -> Any:
        args = node.get("args") if isinstance(node, dict) else None
        if not args:
            return node
        if isinstance(args[0], dict) and args[0].get("field") in times:
            return {**node, "args": [args[0], *({"value": _aware(arg["value"], zone)} for arg in args[1:])]}
        return {**node, "args": [settle(arg) for arg in args]}

    return dict(settle(tree))


def _aware(value: Any, zone: str) -> Any:
    if isinstance(value, list):
        return [_aware(one, zone) for one in value]
    return datetime.fromisoformat(str(value)).replace(tzinfo=ZoneInfo(zone)).isoformat()


def _column(field: Field) -> dict[str, Any]:
    right = field.type in ("money", "number") and field.key not in CODES
    role = {"primary": True} if field.role == "primary" else {"secondary": True} if field.role else {}
    return {
        "key": field.key,
        "label": field.label,
        "type": field.type,
        "align": "right" if right else "left",
        **role,
    }


def _spec(dataset: str, zone: str) -> ResourceSpec:
    known, landed = lake.columns(dataset), lake.schema(dataset)
    shown = SHOWN.get(dataset, tuple(name for name in known if name in landed))
    fields = []
    for name in [*shown, *(other for other in landed if other not in shown)]:
        column = known.get(name)
        fields.append(
            Field(
                name,
                column.label if column else name,
                TYPES.get(column.type, "text") if column and column.type != "code" else "number",
                data_class=3 if name in ("doctor", "patient", "user") else 2,
                labels=column.labels if column else {},
                filterable=True,
                sortable=True,
                column=name in shown,
                role="primary"
                if name in ("item", "user", "rep")
                else "secondary"
                if name in ("date", "amount", "time")
                else "",
                zone=zone if column and column.type == "time" else "",
            )
        )
    return ResourceSpec(
        key=f"warning.lines.{dataset}",
        label="依据明细",
        plugin="warning",
        data_class=3,
        fields=tuple(fields),
        type_key=lines_type(dataset),
    )


def lines_type(dataset: str) -> str:
    """The policy type of a data set's lines: those without a department are only for readers of the whole hospital."""
    return "lake.lines" if "department" in lake.schema(dataset) else "lake.lines_whole"


def _name(hospital: Hospital, finding: Finding, rows: list[dict[str, Any]]) -> None:
    """Codes as the sources write them, names of items, and the way to the file's row."""
    dataset = finding.evidence["dataset"]
    for name, column in lake.columns(dataset).items():
        if column.type != "code":
            continue
        numbers = {int(row["values"][name]) for row in rows if row["values"].get(name) is not None}
        said: dict[int, str] = dict(lake.labels(hospital, column.kind, numbers))
        if column.kind == "item":
            said |= _item_names(finding, numbers)
        for row in rows:
            if row["values"].get(name) is not None:
                row["values"][name] = said.get(int(row["values"][name]), str(row["values"][name]))
    imports = {int(row["uid"].split("-")[0]) for row in rows}
    uids = dict(
        lake.LakeImport.unscoped.filter(hospital_id=hospital.id, pk__in=imports).values_list("id", "uid")
    )
    for row in rows:
        number, place = row["uid"].split("-")
        row["href"] = f"/h/{hospital.slug}/lake/imports/{uids[int(number)]}/rows/{place}"
        row["values"]["source"] = {"label": f"第 {int(place):,} 行", "href": row["href"]}


def _item_names(finding: Finding, numbers: set[int]) -> dict[int, str]:
    pins = lake.pinned(finding.hospital_id, "items", finding.run.pins.get("items", []))
    if not pins or not numbers:
        return {}
    table = lake.table(lake.connect("web"), "items", pins)
    found = table.filter(table["item"].isin(sorted(numbers))).select("item", "name").to_pyarrow().to_pylist()
    return {row["item"]: row["name"] for row in found if row["name"]}


def _months(finding: Finding) -> set[str] | None:
    """Months that the condition's dates can reach, so that other files are not opened; None means all."""
    found: dict[str, date] = {}
    for part in finding.evidence.get("where", {}).get("args", []):
        field, value = (part.get("args") or [{}, {}])[:2]
        if field.get("field") in ("date", "time") and part["op"] in ("ge", "lt"):
            found[part["op"]] = date.fromisoformat(str(value["value"])[:10])
    if set(found) != {"ge", "lt"}:
        return None
    first, last = found["ge"], found["lt"]
    months = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    return {f"{month // 12}-{month % 12 + 1:02d}" for month in months} | {"all"}


def _order(finding: Finding) -> str:
    given = finding.evidence.get("order") or []
    first = given[0] if isinstance(given, list) and given else given if isinstance(given, str) else ""
    return str(first)


def _label_column(dataset: str) -> str:
    return "source_key" if "source_key" in lake.schema(dataset) else next(iter(lake.schema(dataset)))
