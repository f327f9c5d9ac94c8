"""The lines behind a warning: the files its run pinned, the condition its rule gave, the reader's own rights."""

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from core.plugin_api import Hospital, Principal, lake
from core.plugin_api.resources import Field, ResourceSpec, gateway, nested
from plugins.warning.models import Finding

#: Columns of a data set that a reader need not see beside the lines.
HIDDEN = {"import_id", "file_row", "source_key", "original_key"}

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
    found = nested(_spec(dataset, hospital.zone), lake.line_source(dataset, versions, _label_column(dataset), as_of))
    page = gateway.rows(
        principal,
        found,
        where=instants(finding.evidence["where"], dataset, hospital.zone),
        order=order or _order(finding),
        after=after,
        limit=limit,
    )
    _name_codes(hospital, dataset, page["rows"])
    columns = [
        {
            "key": f.key,
            "label": f.label,
            "type": f.type,
            "align": "right" if f.type in ("money", "number") else "left",
        }
        for f in found.spec.fields
        if f.column
    ]
    page["columns"] = [*columns, {"key": "source", "label": "来源", "type": "link"}]
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


def _spec(dataset: str, zone: str) -> ResourceSpec:
    fields = []
    known = lake.dataset_labels(dataset)
    for column in lake.schema(dataset):
        label, kind = known.get(column, (column, "text"))
        fields.append(
            Field(
                column,
                label,
                TYPES.get(kind, "text" if kind != "code" else "number"),
                data_class=3 if column in ("doctor", "patient", "user") else 2,
                filterable=True,
                sortable=True,
                column=column not in HIDDEN,
                zone=zone if kind == "time" else "",
            )
        )
    return ResourceSpec(
        key=f"warning.lines.{dataset}",
        label="依据明细",
        plugin="warning",
        data_class=3,
        fields=tuple(fields),
        type_key="lake.lines" if "department" in lake.schema(dataset) else "lake.lines_whole",
    )


def _name_codes(hospital: Hospital, dataset: str, rows: list[dict[str, Any]]) -> None:
    for column, (_, kind) in lake.dataset_labels(dataset).items():
        if kind != "code":
            continue
        numbers = {int(row["values"][column]) for row in rows if row["values"].get(column) is not None}
        names = lake.labels(hospital, column, numbers)
        for row in rows:
            if row["values"].get(column) is not None:
                row["values"][column] = names.get(int(row["values"][column]), row["values"][column])
    imports = {int(row["uid"].split("-")[0]) for row in rows}
    uids = dict(
        lake.LakeImport.unscoped.filter(hospital_id=hospital.id, pk__in=imports).values_list("id", "uid")
    )
    for row in rows:
        number, place = row["uid"].split("-")
        row["href"] = f"/h/{hospital.slug}/lake/imports/{uids[int(number)]}/rows/{place}"
        row["values"]["source"] = f"第 {int(place):,} 行"


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
