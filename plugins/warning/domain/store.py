"""Keeping a run: findings and gaps as rows, warnings opened or moved on. One transaction, the caller's."""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from core.plugin_api import Hospital, clock
from core.plugin_api.flow import open_items, version_of
from core.plugin_api.jobs import emit
from core.plugin_api.search import touch
from plugins.warning.domain.compile import add_months
from plugins.warning.domain.results import Finding as Found
from plugins.warning.domain.results import RunOutput
from plugins.warning.domain.rules import Rule
from plugins.warning.domain.subjects import Labels
from plugins.warning.models import Finding, IndicatorValue, NotEvaluated, RuleVersion, Warning, WarningRun

LEVEL_RANK = {"blue": 1, "yellow": 2, "orange": 3, "red": 4}
BATCH = 200


def store(
    row: WarningRun,
    output: RunOutput,
    versions: dict[str, RuleVersion],
    labels: Labels,
    rules: list[Rule],
    indicators: list[IndicatorValue | NotEvaluated],
) -> None:
    """Write all of a run and close it. Sets the run's counts."""
    found = _findings(row, output, versions, labels)
    gaps = _gaps(row, output, labels, {rule.code: rule for rule in rules})
    gaps += [one for one in indicators if isinstance(one, NotEvaluated)]
    NotEvaluated.unscoped.bulk_create(gaps, batch_size=BATCH)
    values = [one for one in indicators if isinstance(one, IndicatorValue)]
    IndicatorValue.unscoped.bulk_create(values, batch_size=BATCH)
    known = {rule.code: rule for rule in rules}
    row.opened, cooling = _warn(row, found, labels, known) if row.live else (0, [])
    NotEvaluated.unscoped.bulk_create(cooling, batch_size=BATCH)
    gaps += cooling
    row.found, row.unevaluated = len(found), len(gaps)
    row.subject_months = sum(len(frame) for frame in output.measured.values())
    row.state, row.finished_at = "done", clock.now()
    row.save()


def _findings(
    row: WarningRun, output: RunOutput, versions: dict[str, RuleVersion], labels: Labels
) -> list[tuple[Found, Finding]]:
    pairs = [(found, _finding(row, found, versions, labels)) for found in output.findings]
    Finding.unscoped.bulk_create([made for _, made in pairs], batch_size=BATCH)
    return pairs


def _finding(row: WarningRun, found: Found, versions: dict[str, RuleVersion], labels: Labels) -> Finding:
    peers: dict[str, Any] | None = None
    if found.peers:
        peers = {
            "n": found.peers.n,
            "median": found.peers.median,
            "mad": found.peers.mad,
            "p10": found.peers.p10,
            "p90": found.peers.p90,
            "values": [
                {"label": labels.label(peer["subject"], with_department=False), "value": peer["value"]}
                if isinstance(peer.get("subject"), dict)
                else peer
                for peer in found.peers.values
            ],
        }
    return Finding(
        hospital_id=row.hospital_id,
        run=row,
        rule=versions[found.rule],
        subject_kind=found.subject_kind,
        subject_key=labels.key(found.subject),
        subject=labels.source_codes(found.subject),
        period=found.period,
        level=found.level,
        value=found.value,
        threshold=found.threshold or "",
        unit=found.unit,
        n=found.n,
        reason=_spoken(found.reason, labels.label(found.subject)),
        detail={
            "peers": peers,
            "series": list(found.series),
            "numerator": found.numerator,
            "denominator": found.denominator,
            "measures": found.measures,
            "parameters": found.parameters,
            "band": found.band,
            "own": list(found.own),
        },
        evidence=found.evidence,
    )


def _gaps(row: WarningRun, output: RunOutput, labels: Labels, rules: dict[str, Rule]) -> list[NotEvaluated]:
    grouped: dict[tuple[str, str, str, str], list[Any]] = defaultdict(list)
    for gap in output.not_evaluated:
        key = labels.key(gap.subject) if gap.subject else ""
        grouped[gap.rule, key, gap.code, gap.reason].append(gap)
    made = []
    for (code, key, why, reason), gaps in grouped.items():
        periods = sorted({gap.period for gap in gaps if gap.period})
        said = "" if not periods else periods[0] if len(periods) == 1 else f"{periods[0]} 至 {periods[-1]}"
        made.append(
            NotEvaluated(
                hospital_id=row.hospital_id,
                run=row,
                rule_code=code,
                rule_title=rules[code].title,
                subject_key=key,
                subject_label=labels.label(gaps[0].subject) if gaps[0].subject else "",
                periods=said,
                code=why,
                reason=_spoken(reason[:300], labels.label(gaps[0].subject) if gaps[0].subject else "该规则")[
                    :400
                ],
                count=sum(gap.count for gap in gaps),
            )
        )
    return made


def _warn(
    row: WarningRun, pairs: list[tuple[Found, Finding]], labels: Labels, rules: dict[str, Rule]
) -> tuple[int, list[NotEvaluated]]:
    """Open a warning for each rule × subject that has none open; move an open one on to its latest finding.

    A closed warning covers every period up to its last: only a later finding opens a new one, and not before the rule's
    cool-down from closing is over, unless it is worse than what was closed. What the cool-down holds back is named.
    """
    latest: dict[tuple[str, str], list[tuple[Found, Finding]]] = defaultdict(list)
    for found, finding in pairs:
        latest[found.rule, finding.subject_key].append((found, finding))
    known = _known(row.hospital)
    fresh: list[Warning] = []
    moved: list[UUID] = []
    cooling: list[NotEvaluated] = []
    for (code, key), group in sorted(latest.items()):
        group.sort(key=lambda pair: pair[1].period)
        before = known.get((code, key))
        if before is not None and before.flow.closed_at is None:
            _move_on(before, group)
            moved.append(before.uid)
            continue
        if before is not None:
            group = [pair for pair in group if pair[1].period > before.period]
            if not group:
                continue
            until = cool_until(before, rules[code], ZoneInfo(row.hospital.zone))
            worst = max(LEVEL_RANK[one.level] for _, one in group)
            if row.as_of < until and worst <= before.level_rank:
                cooling.append(_cooling(row, before, group, rules[code], until))
                continue
        fresh.append(_new(row, group, labels, rules[code]))
    if fresh:
        uids = [warning.uid for warning in fresh]
        items = open_items(version_of("warning.case"), row.hospital, "warning.warning", uids)
        for warning, item in zip(fresh, items, strict=True):
            warning.flow = item
        Warning.unscoped.bulk_create(fresh, batch_size=BATCH)
        emit(
            "warning.opened",
            {"run": str(row.uid), "count": len(fresh)},
            hospital=row.hospital,
            key=f"warning.opened:{row.uid}",
        )
    touch("warning.warning", [*moved, *(warning.uid for warning in fresh)], hospital=row.hospital)
    return len(fresh), cooling


def cool_until(warning: Warning, rule: Rule, zone: ZoneInfo) -> datetime:
    """The end of the cool-down of a closed warning: so many months after the day it was closed."""
    closed = warning.flow.closed_at.astimezone(zone)
    first = add_months(closed.date().replace(day=1), rule.cool_down_months)
    last = (add_months(first, 1) - timedelta(days=1)).day
    return closed.replace(year=first.year, month=first.month, day=min(closed.day, last))


def _cooling(
    row: WarningRun, before: Warning, group: list[tuple[Found, Finding]], rule: Rule, until: datetime
) -> NotEvaluated:
    periods = [finding.period for _, finding in group]
    return NotEvaluated(
        hospital_id=row.hospital_id,
        run=row,
        rule_code=rule.code,
        rule_title=rule.title,
        subject_key=before.subject_key,
        subject_label=before.subject_label,
        periods=periods[0] if len(periods) == 1 else f"{periods[0]} 至 {periods[-1]}",
        code=f"{rule.code}.x.cool_down"[:40],
        reason=f"冷却期内：上一条预警结案后 {rule.cool_down_months} 个月（至 {until:%Y-%m-%d}）只记录发现，不另发预警。",
        count=len(periods),
    )


def _spoken(template: str, label: str) -> str:
    """The reason as a whole sentence with the subject in it; a subject at the head is parted by a colon."""
    head = "{subject}"
    if template.startswith(head):
        template = f"{label}：{template.removeprefix(head)}"
    said = template.replace(head, label)
    return said if said.endswith("。") else f"{said}。"


def _known(hospital: Hospital) -> dict[tuple[str, str], Warning]:
    """The latest warning of each rule and subject. Two runs at once wait for each other here, so none opens twice."""
    Hospital.objects.select_for_update().get(pk=hospital.pk)
    rows = Warning.unscoped.filter(hospital_id=hospital.pk).select_related("flow", "finding").order_by("id")
    return {(row.rule_code, row.subject_key): row for row in rows}


def _move_on(warning: Warning, group: list[tuple[Found, Finding]]) -> None:
    _, finding = group[-1]
    level = max((one.level for _, one in group), key=LEVEL_RANK.__getitem__)
    before = (warning.period, warning.level, warning.finding.value, warning.finding.reason)
    warning.finding, warning.period, warning.level, warning.level_rank = (
        finding,
        finding.period,
        level,
        LEVEL_RANK[level],
    )
    warning.first_period = min(warning.first_period, group[0][1].period)
    warning.updated_at = clock.now()
    if before != (finding.period, level, finding.value, finding.reason):
        warning.version += 1  # a page open meanwhile shows old figures; without news it stays good
    warning.save()


def _new(row: WarningRun, group: list[tuple[Found, Finding]], labels: Labels, rule: Rule) -> Warning:
    found, finding = group[-1]
    level = max((one.level for _, one in group), key=LEVEL_RANK.__getitem__)
    label = labels.label(found.subject)
    now = clock.now()
    return Warning(
        hospital_id=row.hospital_id,
        rule_code=rule.code,
        subject_kind=found.subject_kind,
        subject_key=finding.subject_key,
        subject_label=label[:200],
        person_label=labels.person(found.subject),
        doctor_code=finding.subject.get("doctor", ""),
        title=f"{label}：{rule.title}"[:200],
        rule_class=rule.class_,
        level=level,
        level_rank=LEVEL_RANK[level],
        first_period=group[0][1].period,
        period=finding.period,
        finding=finding,
        department=labels.department(found.subject),
        opened_at=now,
        updated_at=now,
    )
