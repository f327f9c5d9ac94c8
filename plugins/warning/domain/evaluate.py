"""Runs rules over a hospital's tables: measures in the engine, statistics in numpy, then gates and bands; every silence has its reason."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ibis
import numpy as np
import pandas as pd

from . import expr as x
from . import wording
from .compile import Missing, add_months, basis, check_needs, compile_rule, month_start
from .compiled import base_sql, measure_sql, read
from .evidence import evidence
from .measured import Measured
from .own import BadValue, Own
from .prepare import DIMENSIONS, LINES, drop_prepared, prepare
from .results import Finding, NotEvaluated, Peers, RunOutput
from .rules import Band, CusumStatistic, GrowthStatistic, PeerStatistic, Rule

log = logging.getLogger(__name__)
SERIES_MONTHS = 24
SERIES_LEAST = 12
NAMED_AT_MOST = 5  # more subjects that share one reason are counted, not named


def evaluate(
    rules: Sequence[Rule],
    con: Any,
    tables: Mapping[str, ibis.Table],
    months: list[str],
    params: Mapping[str, Mapping[str, Any]] | None = None,
    local: Mapping[str, Mapping[str, Mapping[str, Any]]] | None = None,
    progress: Callable[[int, int, str], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> RunOutput:
    """All rules over the months ("2025-03"). `tables`: one hospital's pinned data as Ibis tables of `con`.

    `params`: rule → parameter → the hospital's value; `local`: rule → department → parameter → the department's.
    Nothing is raised for one rule's fault."""
    output = RunOutput()
    months = sorted(set(months))
    ready = prepare(con, tables)
    try:
        present = _months_present(ready)
        for done, rule in enumerate(rules):
            if should_stop and should_stop():
                output.stopped = True
                output.not_evaluated += [_silence(r, None, "stopped") for r in rules[done:]]
                break
            if progress:
                progress(done, len(rules), rule.title)
            own = Own(rule, (params or {}).get(rule.code), (local or {}).get(rule.code))
            _one(rule, ready, months, own, present, output)
        if progress:
            progress(len(rules), len(rules), "")
    finally:
        drop_prepared(con)
    output.findings.sort(key=lambda f: (f.rule, f.period, str(f.subject)))
    output.not_evaluated.sort(key=lambda n: (n.rule, n.period or "", n.code, str(n.subject)))
    return output


def _one(
    rule: Rule,
    tables: dict,
    months: list[str],
    own: Own,
    present: dict[str, set[str]],
    output: RunOutput,
) -> None:
    try:
        values = own.values
        _unique_dimensions(rule, tables)
        missing_months = {m for m in months for d in rule.datasets if d in present and m not in present[d]}
        output.not_evaluated += [_silence(rule, m, "no_data") for m in sorted(missing_months)]
        todo = [m for m in months if m not in missing_months]
        if not todo:
            compile_rule(rule, tables, months, own.given)  # a missing data set is the better reason
            return
        measured = _measure(rule, tables, todo, own.given, values)
        output.measured[rule.code] = measured.table
        _judge(rule, measured, todo, tables, own, values, output)
    except Missing as error:
        output.not_evaluated.append(_silence(rule, None, "no_dataset", str(error)))
    except BadValue as error:
        output.not_evaluated.append(_silence(rule, None, "bad_value", str(error), kind="error"))
    except Exception as error:  # a rule's fault is its own result, never silence and never another rule's
        log.warning("rule failed", exc_info=True, extra={"rule": rule.code})
        output.not_evaluated.append(
            _silence(rule, None, "error", f"{wording.EXITS['error']}（{type(error).__name__}）", kind="error")
        )


def _measure(rule: Rule, tables: dict, months: list[str], given: Mapping | None, values: dict) -> Measured:
    check_needs(rule, tables)
    con = next(iter(tables.values())).get_backend()
    base = base_sql(rule, con, tables, months, given)
    table = read(con, measure_sql(rule, con, tables, months, given))
    measured = Measured(rule, table, read(con, base) if base else None, values)
    measured.basis = basis(rule, tables, values)
    return measured


def _judge(
    rule: Rule,
    m: Measured,
    months: list[str],
    tables: dict,
    own: Own,
    values: dict,
    output: RunOutput,
) -> None:
    """Gates, bands, sustain and hold for each subject of the months; adds findings and silences."""
    if m.table.empty:
        return
    value = m.table["value"].to_numpy(float)
    each = own.columns(m, values)
    gate_ok = {g.code: x.on_frame(g.when, m.table, each).astype(bool) for g in rule.gates}
    sound = np.logical_and.reduce([np.ones(len(value), bool), ~np.isnan(value), *gate_ok.values()])
    whole = np.logical_and.reduce(
        [np.ones(len(value), bool), *(gate_ok[g.code] for g in rule.gates if g.kind == "missing")]
    )
    plain_hits = {
        b.code: x.on_frame(b.when, m.table, each).astype(bool) & ~np.isnan(value) & whole for b in rule.bands
    }
    sound_hits = {code: hits & sound for code, hits in plain_hits.items()}
    moving = _peers_move(rule, m)
    wanted = np.isin(np.array(m.months, dtype=object), months) & m.candidates()
    few = _few(rule, m)
    silent: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    mute = wanted & (np.isnan(value) | ~whole)
    mute[[row for row in few if wanted[row]]] = True
    for row in np.flatnonzero(mute):
        silent[
            (
                m.months[row],
                *_missing_code(
                    rule, value[row], {c: ok[row] for c, ok in gate_ok.items()}, few.get(int(row))
                ),
            )
        ].append(row)
    hits: list[tuple[int, Band]] = []
    for row in np.flatnonzero(wanted & ~mute & np.logical_or.reduce(list(plain_hits.values()))):
        month, band = m.months[row], _band(rule, m, row, sound_hits)
        gate = next((g for g in rule.gates if g.kind == "held" and not gate_ok[g.code][row]), None)
        if band is not None and not moving[row]:
            hits.append((int(row), band))
        elif band is not None:
            output.not_evaluated.append(
                _silence(rule, month, "peers_move", None, m.subject(row), "held", value=value[row])
            )
        elif gate is not None and _band(rule, m, row, plain_hits) is not None:
            text = wording.sentence(gate.reason, _words(rule, m, row, own.at(m, row, values)), rule.decimals)
            output.not_evaluated.append(
                _silence(rule, month, gate.code, text, m.subject(row), "held", value=value[row])
            )
    output.not_evaluated += _silences(rule, m, silent)
    if hits:
        _findings(rule, m, hits, months, tables, own, values, output)


def _missing_code(rule: Rule, value: float, gates: dict[str, bool], few: str | None) -> tuple[str, str]:
    if np.isnan(value):
        return "no_denominator", wording.EXITS["no_denominator"]
    for gate in rule.gates:
        if gate.kind == "missing" and not gates[gate.code]:
            return gate.code, gate.reason
    return (few or "history", wording.EXITS[few or "history"])


def _few(rule: Rule, m: Measured) -> dict[int, str]:
    """Rows that have too few peers or too short a history for the rule's statistics."""
    out: dict[int, str] = {}
    for statistic in rule.statistics:
        if isinstance(statistic, PeerStatistic):
            out |= {int(i): "few_peers" for i in np.flatnonzero(m.table["peer_n"].to_numpy(float) < 5)}
        elif isinstance(statistic, CusumStatistic):
            out |= {int(i): "history" for i in np.flatnonzero(np.isnan(m.table["cusum"].to_numpy(float)))}
        elif isinstance(statistic, GrowthStatistic) and all(
            "growth_year" in x.fields(b.when) for b in rule.bands
        ):
            out |= {
                int(i): "history" for i in np.flatnonzero(np.isnan(m.table["growth_year"].to_numpy(float)))
            }
    return out


def _band(rule: Rule, m: Measured, row: int, hits: dict[str, np.ndarray]) -> Band | None:
    key, month = m.keys[row], m.months[row]
    for band in rule.bands:
        if not hits[band.code][row]:
            continue
        if band.sustain is None:
            return band
        start = month_start(month)
        back = (m.rows.get((key, add_months(start, -b).strftime("%Y-%m"))) for b in range(band.sustain.of))
        if sum(bool(hits[band.code][r]) for r in back if r is not None) >= band.sustain.months:
            return band
    return None


def _peers_move(rule: Rule, m: Measured) -> np.ndarray:
    """Held when the others' median growth is at least half the subject's own (warnings.md §2)."""
    if not rule.hold_if_peers_move:
        return np.zeros(len(m.table), dtype=bool)
    own = (m.table["growth"] if "growth" in m.table else m.table["baseline_ratio"] - 1).to_numpy(float)
    others = m.table["peer_growth"].to_numpy(float)
    with np.errstate(invalid="ignore"):
        return (own > 0) & (others >= 0.5 * own)


# ---- findings


def _findings(
    rule: Rule,
    m: Measured,
    hits: list,
    months: list[str],
    tables: dict,
    own: Own,
    values: dict,
    output: RunOutput,
) -> None:
    found = [(m.subject(row), m.months[row]) for row, _ in hits]
    proofs = evidence(rule, tables, values, found)
    history = _history(rule, m, hits, months, tables, own.given, values)
    headline = rule.headline or "value"
    for (row, band), (subject, period), proof in zip(hits, found, proofs, strict=True):
        here = own.at(m, row, values)
        words = _words(rule, m, row, here)
        threshold = (
            float(x.on_frame(band.threshold, m.table.iloc[[row]], here)[0]) if band.threshold else None
        )
        words["threshold"] = threshold
        output.findings.append(
            Finding(
                rule=rule.code,
                version=rule.version,
                subject_kind=rule.subject_kind,
                subject=subject,
                period=period,
                value=wording.number_text(m.table[headline].iat[row]) or "",
                numerator=_cell(m, row, rule.numerator),
                denominator=_cell(m, row, rule.denominator),
                n=int(m.table[rule.n].iat[row]) if rule.n and not pd.isna(m.table[rule.n].iat[row]) else None,
                unit=rule.unit,
                peers=_peers(m, row),
                threshold=wording.number_text(threshold),
                level=band.level,
                band=rule.code + band.code,
                reason=wording.sentence(band.reason, words, rule.decimals),
                series=_series(history, m.keys[row], period, headline, threshold),
                evidence=proof,
                measures=_measures(rule, m, row),
                parameters=here,
                own=own.named(rule, band, here, subject),
            )
        )


def _words(rule: Rule, m: Measured, row: int, values: Mapping[str, Any]) -> dict[str, Any]:
    words = dict(values) | {c: m.table[c].iat[row] for c in m.table.columns if c not in rule.grain}
    words |= {
        "value": m.table[rule.headline or "value"].iat[row],
        "period": words["month"],
        "unit": rule.unit,
        "basis": m.basis,
    }
    for name, column in (("n", rule.n), ("numerator", rule.numerator), ("denominator", rule.denominator)):
        if column:
            words[name] = m.table[column].iat[row]
    return words


def _measures(rule: Rule, m: Measured, row: int) -> dict[str, str]:
    skip = {*rule.grain, "month", "value"}
    texts = {
        c: wording.number_text(m.table[c].iat[row])
        for c in m.table.columns
        if c not in skip and np.isfinite(_float(m.table[c].iat[row]))
    }
    return {c: t for c, t in texts.items() if t is not None}


def _float(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def _cell(m: Measured, row: int, column: str | None) -> str | None:
    return wording.number_text(m.table[column].iat[row]) if column else None


def _peers(m: Measured, row: int) -> Peers | None:
    if m.by is None:
        return None
    others = sorted(m.peers(row), key=lambda p: (-p[1], str(p[0])))
    s = m.spread(row)
    text = wording.number_text
    listed = tuple({"subject": subject, "value": text(value)} for subject, value in others[:200])
    return Peers(s.n, text(s.median), text(s.mad), text(s.p10), text(s.p90), listed)


def _history(
    rule: Rule, m: Measured, hits: list, months: list[str], tables: dict, given: Mapping | None, values: dict
) -> Measured:
    """The measured table itself when it reaches back a year; else the year before, for the found subjects' groups only."""
    if len(set(m.table["month"])) >= SERIES_LEAST or {"rx", "patient"} & set(rule.grain):
        return m
    narrowed = dict(tables)
    for name in ("department", "item"):
        if name in rule.grain and LINES in tables:
            keep = sorted({m.keys[row][rule.grain.index(name)] for row, _ in hits}, key=str)
            narrowed[LINES] = tables[LINES].filter(tables[LINES][name].isin(keep))
            break
    first = add_months(month_start(max(months)), 1 - SERIES_LEAST).strftime("%Y-%m")
    return _measure(rule, narrowed, [min(first, *months), max(months)], given, values)


def _series(
    h: Measured, key: tuple, period: str, headline: str, threshold: float | None
) -> tuple[dict[str, Any], ...]:
    points = []
    text = wording.number_text
    for month in sorted({mm for mm in h.table["month"] if mm <= period})[-SERIES_MONTHS:]:
        row = h.rows.get((key, month))
        point: dict[str, Any] = {"month": month, "value": None, "limit": text(threshold)}
        if row is not None:
            point["value"] = text(h.table[headline].iat[row])
            if h.by is not None:
                s = h.spread(row)
                point |= {"p10": text(s.p10), "p90": text(s.p90), "median": text(s.median)}
            if "peer_limit" in h.table:
                point["limit"] = text(h.table["peer_limit"].iat[row])
        points.append(point)
    return tuple(points)


# ---- silences


def _silence(
    rule: Rule,
    period: str | None,
    code: str,
    reason: str | None = None,
    subject: dict | None = None,
    kind: str = "missing",
    count: int = 1,
    value: Any = None,
) -> NotEvaluated:
    return NotEvaluated(
        rule.code,
        rule.version,
        rule.subject_kind,
        subject,
        period,
        f"{rule.code}.x.{code}",
        reason or wording.EXITS[code],
        kind,
        count,
        wording.number_text(value),
    )


def _silences(rule: Rule, m: Measured, silent: dict[tuple[str, str, str], list[int]]) -> list[NotEvaluated]:
    result = []
    for (month, code, reason), rows in silent.items():
        if len(rows) <= NAMED_AT_MOST:
            result += [
                _silence(rule, month, code, reason, m.subject(r), value=m.table["value"].iat[r]) for r in rows
            ]
        else:
            result.append(_silence(rule, month, code, reason, count=len(rows)))
    return result


def _months_present(tables: Mapping[str, ibis.Table]) -> dict[str, set[str]]:
    present = {}
    for name, table in tables.items():
        if "period" in table.columns:
            days = table.select("period").distinct().execute()["period"]
            found = set(pd.to_datetime(days.dropna()).dt.strftime("%Y-%m"))
            if (
                name != "rep_visits" or not found
            ):  # a month without visits is an answer, a register never filled is not
                present[name] = found
    return present


def _unique_dimensions(rule: Rule, tables: Mapping[str, ibis.Table]) -> None:
    """A doubled key in a lookup would double the lines: refused."""
    for frame in rule.frames.values():
        for join in frame.joins:
            if (
                join.dataset in DIMENSIONS
                and join.dataset in tables
                and set(join.match.values()) <= set(tables[join.dataset].columns)
            ):
                keys = tables[join.dataset].select(*join.match.values())
                if keys.count().execute() != keys.distinct().count().execute():
                    raise Missing(f"目录中有重复的编码：{join.dataset}")
