"""The whole page: every part asked, none able to spoil the others; as JSON and as Prometheus text."""

import logging
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.kernel import clock
from core.status.registry import RANK, Part, Said, State, bad, parts, warn

log = logging.getLogger(__name__)

DATABASE = "database"
BLIND = "数据库没有应答，这一项暂时看不到。"
FIRST = "请先处理“数据库”。"
#: A part slower than this (seconds) is named: it holds up the page.
SLOW = 5.0


@dataclass(frozen=True)
class Row:
    """One part and what it said."""

    part: Part
    said: Said
    seconds: float


@dataclass(frozen=True)
class Board:
    """What all parts said at one moment."""

    at: datetime
    rows: list[Row]

    @property
    def overall(self) -> State:
        """The worst state of all."""
        return max((row.said.state for row in self.rows), key=RANK.__getitem__, default=State.OK)

    def as_json(self) -> dict[str, Any]:
        """For `GET /api/v1/status` and `manage.py status --json`."""
        return {
            "overall": str(self.overall),
            "at": self.at.isoformat(),
            "parts": [
                {
                    "key": row.part.key,
                    "label": row.part.label,
                    "state": str(row.said.state),
                    "text": row.said.text,
                    "next_step": row.said.next_step,
                    "figures": [{"label": label, "value": value} for label, value in row.said.figures],
                }
                for row in self.rows
            ],
        }

    def as_metrics(self) -> str:
        """Prometheus' text format, version 0.0.4. State: 0 well, 1 wants attention, 2 does not work."""
        series: dict[str, list[str]] = {}
        for row in self.rows:
            _add(series, "part_state", {"part": row.part.key}, RANK[row.said.state])
            _add(series, "part_seconds", {"part": row.part.key}, row.seconds)
            for name, labels, number in row.said.metrics:
                _add(series, name, labels, number)
        lines = []
        for name in sorted(series):
            lines += [f"# TYPE qinglian_{name} gauge", *series[name]]
        return "\n".join(lines) + "\n"


def board() -> Board:
    """Ask every part now. Never raises: a part that fails to answer is told so on its own line."""
    at, rows, blind = clock.now(), [], False
    for part in sorted(parts(), key=lambda one: one.key != DATABASE):
        if blind and part.needs_database:
            rows.append(Row(part, warn(BLIND, FIRST), 0.0))
            continue
        began = time.monotonic()
        said = _ask(part)
        rows.append(Row(part, said, round(time.monotonic() - began, 3)))
        blind = blind or (part.key == DATABASE and said.state is State.BAD)
    order = {part.key: place for place, part in enumerate(parts())}
    return Board(at, sorted(rows, key=lambda row: order[row.part.key]))


def _ask(part: Part) -> Said:
    try:
        return part.ask()
    except Exception:  # whatever it is, the page must still come
        log.exception("status part %s failed", part.key)
        return bad(
            f"“{part.label}”没有答出自己的状况。", "请查看网站日志里的记录；几分钟后仍如此，请联系维护人员。"
        )


def _add(series: dict[str, list[str]], name: str, labels: dict[str, str], number: float) -> None:
    inside = ",".join(f'{key}="{_escaped(value)}"' for key, value in sorted(labels.items()))
    series.setdefault(name, []).append(
        f"qinglian_{name}{{{inside}}} {number:g}" if inside else f"qinglian_{name} {number:g}"
    )


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
