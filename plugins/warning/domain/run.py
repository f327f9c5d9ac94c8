"""One run: pin the snapshot, evaluate the rules, store what was found in one transaction, open or move on warnings."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.plugin_api import Actor, Hospital, Problem, Refused, acting, clock, hospital_scope, lake, record
from plugins.warning.domain.catalogue import installed, sync_versions
from plugins.warning.domain.evaluate import evaluate
from plugins.warning.domain.indicators import DATASET, DATASETS, indicator_rows
from plugins.warning.domain.results import NotEvaluated, RunOutput
from plugins.warning.domain.rules import Rule
from plugins.warning.domain.store import store
from plugins.warning.domain.subjects import Labels
from plugins.warning.domain.tuning import pinned, settings_at
from plugins.warning.models import WarningRun

#: Data sets that decide which months there are to look at.
MONTHLY = ("prescription_lines", "dept_month", "access_log", "rep_visits", "aggregate_prescribing")

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Asked:
    """What to run: `as_of` None is now; `months` and `rules` None are all; `job` is the key of the job that asks."""

    as_of: datetime | None = None
    months: list[str] | None = None
    rules: list[str] | None = None
    live: bool = True
    job: str = ""


def run(
    hospital: Hospital, asked: Asked, *, by: Actor, progress: Progress, stopped: Callable[[], bool]
) -> WarningRun:
    """Evaluate and store. A replay (`as_of` given) stores findings only; a live run opens and moves on warnings.

    Raises Refused when there is nothing to evaluate, an unknown rule is named, or the time is still to come.
    """
    rules = _chosen(asked.rules)
    as_of = asked.as_of or clock.now()
    if as_of > clock.now():
        raise Refused("数据时点不能晚于现在：之后还会有数据导入，结果就不能重现。")
    with hospital_scope(hospital):
        pins = {
            name: lake.pins(hospital, name, as_of=as_of)
            for name in sorted(set(DATASETS).union(*(rule.datasets for rule in rules)))
        }
        months = asked.months or _months(pins)
        if not months:
            raise Refused("还没有可以计算的数据。请先导入处方明细等数据，再运行规则。")
        started = clock.now()
        own = pinned(settings_at(hospital, as_of), {rule.code: rule for rule in rules})
        with acting(by):
            _abandon(hospital, asked.job)
            versions = sync_versions()
            row = WarningRun.unscoped.create(
                hospital=hospital,
                as_of=as_of,
                live=asked.live,
                pins={name: [[pin.month, pin.version] for pin in found] for name, found in pins.items()},
                months=months,
                parameters={"own": own} | _asked(asked) | ({"job": asked.job} if asked.job else {}),
                started_at=started,
                requested_by=by.label,
                rules=len(rules),
            )
        try:
            con = lake.connect("worker")
            tables = {name: lake.table(con, name, found) for name, found in pins.items()}
            progress(0, len(rules), "读取数据")
            output: RunOutput = evaluate(
                rules,
                con,
                tables,
                months,
                params={code: one["values"] for code, one in own.items()},
                local={code: one["departments"] for code, one in own.items() if one["departments"]},
                progress=progress,
                should_stop=stopped,
            )
            if output.stopped:
                raise Refused("已按您的要求停止，本次结果没有保存。")
            labels = Labels.of(hospital, output, tables)
            only_in_force(output, rules)
            indicators = indicator_rows(row, tables, months) if pins[DATASET] and asked.rules is None else []
            progress(len(rules), len(rules), "保存结果")
            with acting(by):
                store(row, output, versions, labels, rules, indicators)
                record(
                    "warning.run",
                    "warning.run",
                    row.uid,
                    {"as_of": as_of.isoformat(), "found": row.found, "opened": row.opened, "live": row.live},
                    hospital=hospital,
                )
        except BaseException:
            with acting(by):
                row.state, row.finished_at = "failed", clock.now()
                row.save()
            raise
    return row


def _asked(asked: Asked) -> dict[str, Any]:
    """What a run was limited to; nothing for a run of everything."""
    return {key: found for key, found in (("rules", asked.rules), ("months", asked.months)) if found}


def _abandon(hospital: Hospital, job: str) -> None:
    """An earlier try of this job that was killed is over: it would read "计算中" for ever."""
    killed = (
        WarningRun.unscoped.filter(hospital=hospital, state="running", parameters__job=job) if job else ()
    )
    for row in killed:
        row.state, row.finished_at = "failed", clock.now()
        row.save(update_fields=["state", "finished_at"])


def only_in_force(output: RunOutput, rules: list[Rule]) -> None:
    """Take out what a rule says of months in which it was not in force, and say so once per rule."""
    known = {rule.code: rule for rule in rules}

    def in_force(code: str, period: str | None) -> bool:
        rule = known[code]
        if period is None:
            return True
        ends = rule.effective_to.isoformat()[:7] if rule.effective_to else "9999-12"
        return rule.effective_from.isoformat()[:7] <= period <= ends

    said: list[Any] = [*output.findings, *output.not_evaluated]
    left_out = {one.rule for one in said if not in_force(one.rule, one.period)}
    output.findings = [one for one in output.findings if in_force(one.rule, one.period)]
    output.not_evaluated = [one for one in output.not_evaluated if in_force(one.rule, one.period)]
    for code in sorted(left_out):
        rule = known[code]
        until = f"，至 {rule.effective_to} 止" if rule.effective_to else ""
        reason = f"规则自 {rule.effective_from} 起施行{until}，其余月份不评估。"
        output.not_evaluated.append(
            NotEvaluated(code, rule.version, rule.subject_kind, None, None, "not_in_force", reason)
        )


def parse_as_of(text: str) -> datetime:
    """An instant from the command line or the API ("2025-07-02T00:00:00+08:00"). Raises Problem."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Problem(
            "invalid", f"“{text}”不是时间。请写成 2025-07-02T08:00:00+08:00 的样子。", 422
        ) from None
    if found.tzinfo is None:
        raise Problem("invalid", f"“{text}”没有时区。请在末尾写上 +08:00。", 422)
    return found


def _chosen(codes: list[str] | None) -> list[Any]:
    known = installed()
    if codes is None:
        return list(known.values())
    unknown = [code for code in codes if code not in known]
    if unknown:
        raise Refused(f"没有这些规则：{'、'.join(unknown)}。")
    return [known[code] for code in codes]


def _months(pins: dict[str, list[Any]]) -> list[str]:
    found = {pin.month for name in MONTHLY for pin in pins.get(name, []) if pin.month != "all"}
    return sorted(found)
