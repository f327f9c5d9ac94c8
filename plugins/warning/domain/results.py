"""What a run gives back. Plain frozen data: the Django side stores it, the command line prints it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

LEVELS = ("blue", "yellow", "orange", "red")  # 蓝 note, 黄 warn, 橙 alert, 红 stop


@dataclass(frozen=True)
class Peers:
    """The others a subject is measured against; numbers are text of at most nine significant digits. `values`: [{subject, value}]."""

    n: int
    median: str | None
    mad: str | None
    p10: str | None
    p90: str | None
    values: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Finding:
    """A subject of a rule in a period that meets a band. Numbers are decimal text (nine significant digits at most)."""

    rule: str
    version: int
    subject_kind: str
    subject: dict[str, Any]
    period: str
    value: str
    numerator: str | None
    denominator: str | None
    n: int | None
    unit: str
    peers: Peers | None
    threshold: str | None
    level: str
    band: str
    reason: str
    series: tuple[dict[str, Any], ...]
    evidence: dict[str, Any]
    measures: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    own: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class NotEvaluated:
    """Why a rule says nothing: `kind` missing (data, history, peers), held (would have warned but a gate holds it) or error.

    `subject` None: the whole rule, or `count` subjects of the period that share the reason."""

    rule: str
    version: int
    subject_kind: str
    subject: dict[str, Any] | None
    period: str | None
    code: str
    reason: str
    kind: str = "missing"
    count: int = 1
    value: str | None = None


@dataclass
class RunOutput:
    """Findings and silences in a fixed order, and per rule the table of all measured subjects (for charts)."""

    findings: list[Finding] = field(default_factory=list)
    not_evaluated: list[NotEvaluated] = field(default_factory=list)
    measured: dict[str, pd.DataFrame] = field(default_factory=dict)
    stopped: bool = False
