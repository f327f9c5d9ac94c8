"""Prescribing indicators on aggregated data: every measure for each practice and month of a run, kept beside its findings.

An indicator is shown, not warned of: its percentile says where a practice stands among the others of the month.
"""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import ibis

from plugins.warning.domain.compile import Missing
from plugins.warning.domain.measures import DATASET, LISTS, Measure, compile_measure, load_measures
from plugins.warning.domain.wording import number_text
from plugins.warning.models import IndicatorValue, NotEvaluated, WarningRun

FOLDER = Path(__file__).resolve().parents[1] / "declarations" / "measures"

#: Data sets the indicators read.
DATASETS = (DATASET, LISTS)


@lru_cache
def measures() -> list[Measure]:
    """The installed indicators. Raises RuleError for a broken file."""
    return load_measures(FOLDER)


def indicator_rows(run: WarningRun, tables: Mapping[str, ibis.Table], months: list[str]) -> list[Any]:
    """Unsaved rows of every indicator; one `NotEvaluated` for an indicator whose data are missing."""
    names = _names(tables[DATASET])
    made: list[Any] = []
    for measure in measures():
        try:
            frame = compile_measure(measure, tables, months).to_pandas()
        except Missing as missing:
            made.append(_gap(run, measure, str(missing)))
            continue
        # percentile rank of warnings.md section 2: (lowest rank − 1) / (m − 1) · 100 over the month's values
        ranks = frame.groupby("month")["value"].rank(method="min")
        counts = frame.groupby("month")["value"].transform("count")
        frame["percentile"] = ((ranks - 1) / (counts - 1) * 100).where(counts > 1)
        made += [_value(run, measure, names, row) for row in frame.to_dict("records")]
    return made


def _value(run: WarningRun, measure: Measure, names: dict[str, str], row: dict[str, Any]) -> IndicatorValue:
    return IndicatorValue(
        hospital_id=run.hospital_id,
        run=run,
        code=measure.code,
        number=measure.version,
        title=measure.title,
        unit=measure.unit,
        practice=row["practice"],
        practice_name=names.get(row["practice"], row["practice"]),
        month=row["month"],
        numerator=number_text(row["numerator"]) or "",
        denominator=number_text(row["denominator"]) or "",
        value=number_text(row["value"]) or "",
        percentile=number_text(row["percentile"]) or "",
    )


def _gap(run: WarningRun, measure: Measure, reason: str) -> NotEvaluated:
    return NotEvaluated(
        hospital_id=run.hospital_id,
        run=run,
        rule_code=measure.code,
        rule_title=measure.title,
        code="no_data",
        reason=reason[:400],
    )


def _names(table: ibis.Table) -> dict[str, str]:
    found = (
        table.select("practice", "practice_name")
        .distinct()
        .order_by("practice", "practice_name")
        .to_pyarrow()
    )
    return {row["practice"]: row["practice_name"] for row in found.to_pylist() if row["practice_name"]}
