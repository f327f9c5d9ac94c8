"""Freezing a computed ranking: a first version, nothing when nothing changed, or a correction with a reason."""

import json
from collections.abc import Callable
from typing import Any

from core.plugin_api import Actor, FieldError, Hospital, Invalid, clock
from core.plugin_api.jobs import JobContext, submit
from core.plugin_api.publications import Snapshot, freeze, verify
from core.plugin_api.resources import Command, Done
from plugins.warning.domain import quarters
from plugins.warning.domain.rankings import KINDS, Ranking, compute

#: Prefix of the kinds of this plugin's snapshots.
PREFIX = "warning."
JOB = "warning.ranking"
Progress = Callable[[int, int, str], None]


def freeze_ranking(
    hospital: Hospital,
    quarter: str,
    kind: str,
    *,
    by: Actor,
    reason: str = "",
    progress: Progress = lambda done, total, note: None,
) -> tuple[Snapshot, bool]:
    """Compute and freeze; the snapshot and whether it is new.

    The same table as the one in use is not frozen again. Raises Refused (data not whole, too little), Invalid (it
    changed and no reason was given).
    """
    progress(0, 3, "读取处方明细")
    made = compute(hospital, quarter, kind)
    progress(2, 3, "核对上一版")
    newest = (
        Snapshot.unscoped.filter(hospital=hospital, kind=PREFIX + kind, period=quarters.label(quarter))
        .select_related("hospital", "replaces")
        .order_by("-version")
        .first()
    )
    if newest is not None and verify(newest):
        changed = differences(newest, made)
        if not changed:
            progress(3, 3, "没有变化")
            return newest, False
        if not reason.strip():
            said = f"{made.title}已经冻结，重新计算后{changed}。如需更正，请填写更正原因。"
            raise Invalid(said, [FieldError("/values/reason", "请填写更正原因", "原来的一版会保留")])
    kept = freeze(
        PREFIX + kind,
        made.title,
        columns=made.columns,
        rows=made.rows,
        method=made.method,
        note=made.note,
        period=quarters.label(quarter),
        n=made.n,
        audience=made.audience,
        data_class=made.data_class,
        basis=made.basis | {"computed_at": clock.now()},
        by=by,
        hospital=hospital,
        replaces=newest,
        reason=reason if newest else "",
    )
    progress(3, 3, "已冻结")
    return kept, True


def differences(newest: Snapshot, made: Ranking) -> str:
    """What the new table has otherwise than the frozen one, in words; empty when they are the same."""
    old, new = json.loads(newest.rows), json.loads(json.dumps(made.rows, default=str))
    said = []
    if old != new or json.loads(newest.columns) != made.columns:
        moved = sum(a != b for a, b in zip(old, new, strict=False)) + abs(len(old) - len(new))
        said.append(f"有 {moved} 行与在用的一版不同" if moved else "列与在用的一版不同")
    if newest.n != made.n:
        said.append(f"样本量由 {newest.n} 变为 {made.n}")
    if not said and (newest.method, newest.note, newest.title) != (made.method, made.note, made.title):
        said.append("计算方法或说明与在用的一版不同")
    return "，".join(said)


def start_freeze(command: Command, thing: Any) -> Done:
    """The button 冻结季度排名: the job that does it."""
    assert command.principal.hospital is not None
    values = {key: command.values.get(key) or "" for key in ("quarter", "kind", "reason")}
    made = submit(JOB, values, by=command.by, hospital=command.principal.hospital)
    event = {"job": str(made.uid), "quarter": values["quarter"], "kind": values["kind"]}
    return Done(message="已开始计算。", job=str(made.uid), event=event)


def run_freeze(ctx: JobContext) -> dict[str, Any]:
    """The job: freeze with its parameters {quarter, kind, reason}."""
    hospital = Hospital.objects.get(pk=ctx.hospital.id)
    quarter = quarters.parse(ctx.params["quarter"])
    kept, new = freeze_ranking(
        hospital,
        quarter,
        ctx.params["kind"],
        by=ctx.actor,
        reason=ctx.params.get("reason", ""),
        progress=ctx.progress,
    )
    return described(kept, new) | {"href": f"/h/{hospital.slug}/r/publications.snapshot/{kept.uid}"}


def described(kept: Snapshot, new: bool) -> dict[str, Any]:
    """What was done, for the job's page and the command line."""
    if not new:
        said = f"没有变化：{kept.title}仍为第 {kept.version} 版，没有另存。"
    elif kept.version > 1:
        said = f"已更正：{kept.title}另存为第 {kept.version} 版，原来的一版保留。"
    else:
        said = f"已冻结：{kept.title}，共 {len(json.loads(kept.rows))} 行。"
    return {
        "snapshot": str(kept.uid),
        "new": new,
        "version": kept.version,
        "sha256": kept.sha256,
        "title": kept.title,
        "message": said,
    }


def listed(hospital: Hospital) -> list[dict[str, Any]]:
    """All frozen rankings of the hospital, the newest first."""
    rows = Snapshot.unscoped.filter(hospital=hospital, kind__in=[PREFIX + kind for kind in KINDS])
    return [
        {
            "snapshot": str(one.uid),
            "kind": one.kind.removeprefix(PREFIX),
            "title": one.title,
            "period": one.period,
            "version": one.version,
            "current": not hasattr(one, "replaced_by"),
            "n": one.n,
            "audience": one.audience,
            "sha256": one.sha256,
            "verified": verify(one),
            "reason": one.reason,
            "frozen_at": one.frozen_at.isoformat(),
        }
        for one in rows.select_related("hospital", "replaces", "replaced_by").order_by("-frozen_at", "-id")
    ]
