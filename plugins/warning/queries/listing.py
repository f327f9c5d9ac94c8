"""Findings of a run as plain data: sorted, decimals as text, no uid, run id or wall clock, so a replay compares byte for byte."""

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet

from core.plugin_api import Hospital, NotFound, lake
from core.plugin_api.expressions import lines_filter
from plugins.warning.models import Finding, WarningRun
from plugins.warning.queries.evidence import instants


def view(hospital: Hospital, as_of: datetime | None, run: str = "") -> QuerySet[Finding]:
    """The findings of one whole view: each rule's and month's from the newest finished run that evaluated it, as of exactly this
    instant or, without one, live. `run`: of that run alone. Raises NotFound."""
    runs = WarningRun.objects.filter(state="done")
    if run:
        try:
            wanted = [runs.get(uid=run)]
        except (WarningRun.DoesNotExist, ValidationError):
            raise NotFound(f"没有编号为“{run}”的计算结果。编号在 warning run 的输出里。") from None
        return Finding.objects.filter(run__in=wanted).select_related("rule", "run")
    done = runs.filter(as_of=as_of) if as_of else runs.filter(live=True)
    wanted_of, known, some = Q(pk__in=[]), Q(pk__in=[]), False
    for ran in done:  # newest first
        some = True
        wanted_of |= Q(run=ran) & ~known
        rules, months = ran.parameters.get("rules"), ran.parameters.get("months")
        if not rules and not months:
            break
        known |= (Q(rule__code__in=rules) if rules else Q()) & (Q(period__in=months) if months else Q())
    if not some:
        hint = f"先运行：warning run --as-of {as_of.isoformat()}" if as_of else "先运行：warning run"
        raise NotFound(f"还没有这个时点的计算结果。{hint} --hospital {hospital.slug}")
    return Finding.objects.filter(wanted_of).select_related("rule", "run")


def findings(found: QuerySet[Finding]) -> list[dict[str, Any]]:
    """Findings in fixed order."""
    return sorted((_row(one) for one in found), key=lambda row: row["key"])


def one(within: QuerySet[Finding], key: str) -> Finding:
    """The finding that a row of `findings` names by its key. Raises NotFound."""
    for found in within:
        if _key(found) == key:
            return found
    raise NotFound(f"没有“{key}”。请从 warning list 的输出里抄一条。")


def explain(found: Finding) -> dict[str, Any]:
    """Everything that a finding stands on: figures, peers, series, parameters, snapshot."""
    return _row(found) | {
        "detail": found.detail,
        "evidence": found.evidence,
        "pins": found.run.pins,
        "as_of": found.run.as_of.isoformat(),
    }


def raw_lines(found: Finding, limit: int) -> dict[str, Any]:
    """The lines behind a finding as landed, with file row numbers; for operators, who read the files anyway."""
    dataset = found.evidence["dataset"]
    pins = lake.pinned(found.hospital_id, dataset, found.run.pins.get(dataset, []))
    table = lake.table(lake.connect("worker"), dataset, pins)
    where = instants(found.evidence["where"], dataset, found.hospital.zone)
    rows = table.filter(lines_filter(where, lake.schema(dataset), table, found.hospital.zone))
    total = int(rows.count().execute())
    order = ["import_id", "file_row"]
    frame = rows.order_by(order).limit(limit).to_pyarrow()
    return {"total": total, "lines": [{k: _text(v) for k, v in row.items()} for row in frame.to_pylist()]}


def _row(found: Finding) -> dict[str, Any]:
    peers = found.detail.get("peers") or {}
    return {
        "key": _key(found),
        "rule": found.rule.code,
        "version": found.rule.number,
        "rule_digest": found.rule.digest,
        "subject_kind": found.subject_kind,
        "subject": found.subject,
        "period": found.period,
        "level": found.level,
        "value": found.value,
        "threshold": found.threshold,
        "unit": found.unit,
        "n": found.n,
        "numerator": found.detail.get("numerator"),
        "denominator": found.detail.get("denominator"),
        "peers": {name: peers.get(name) for name in ("n", "median", "mad", "p10", "p90")} if peers else None,
        "reason": found.reason,
        "own": found.detail.get("own") or [],
        "evidence": found.evidence,
    }


def _key(found: Finding) -> str:
    return f"{found.rule.code}:{found.subject_key}:{found.period}"


def _text(value: Any) -> Any:
    return value if value is None or isinstance(value, (int, str, bool)) else str(value)
