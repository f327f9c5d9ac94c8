"""The declared data sets: columns, types, natural key, and what a source may call a column.

Declarations are YAML under `declarations/`; a broken one raises ValueError naming file and place at start.
"""

import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from core.kernel.errors import NotFound

FOLDER = Path(__file__).parent / "declarations"

#: Declared type → column type in the landed file.
SQL_TYPES = {
    "text": "VARCHAR",
    "choice": "VARCHAR",
    "month": "VARCHAR",
    "integer": "INTEGER",
    "decimal": "DECIMAL(18,5)",
    "date": "DATE",
    "time": "TIMESTAMP",
    "boolean": "BOOLEAN",
    "code": "INTEGER",
}

#: What every landed line carries beside the declared columns: its key and where it came from.
TRACE = {"source_key": "VARCHAR", "import_id": "INTEGER", "file_row": "INTEGER"}


@dataclass(frozen=True)
class Column:
    """One column of a data set."""

    key: str
    label: str
    type: str
    required: bool = False
    help: str = ""
    aliases: tuple[str, ...] = ()
    kind: str = ""  # of a code: doctor | patient | item
    choices: dict[str, tuple[str, ...]] = field(default_factory=dict)  # stored value → what sources write
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def sql_type(self) -> str:
        """The column type in the landed file."""
        return SQL_TYPES[self.type]


@dataclass(frozen=True)
class DataSet:
    """One declared data set. `natural_key` empty: rows have no identity and come in by whole months only."""

    key: str
    label: str
    description: str
    partition: str  # month | all
    month_from: str
    natural_key: tuple[str, ...]
    sort: tuple[str, ...]
    columns: tuple[Column, ...]
    checks: tuple[dict[str, str], ...] = ()

    def column(self, key: str) -> Column:
        """The column of that key. Raises KeyError."""
        return next(c for c in self.columns if c.key == key) if key in self.keys else _no(key)

    @property
    def keys(self) -> tuple[str, ...]:
        """Column keys in declared order."""
        return tuple(c.key for c in self.columns)

    @property
    def schema(self) -> dict[str, str]:
        """Landed column → type, the trace columns included."""
        found = {c.key: c.sql_type for c in self.columns}
        return found | {k: v for k, v in TRACE.items() if k not in found}

    @property
    def modes(self) -> tuple[str, ...]:
        """How rows may come in."""
        return ("add", "replace_months") if self.natural_key else ("replace_months",)


def get(key: str) -> DataSet:
    """The declared data set. Raises NotFound."""
    found = all_datasets().get(key)
    if found is None:
        raise NotFound(f"没有名为“{key}”的数据集。")
    return found


@lru_cache
def all_datasets() -> dict[str, DataSet]:
    """All declared data sets by key, in order of file name."""
    return {d.key: d for d in (load(path) for path in sorted(FOLDER.glob("*.yaml")))}


def load(path: Path) -> DataSet:
    """Read one declaration. Raises ValueError with file and place."""
    raw = yaml.safe_load(path.read_text("utf-8"))
    try:
        return _dataset(raw)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path.name}: {error}") from error


def guess_mapping(dataset: DataSet, names: list[str]) -> dict[str, str]:
    """Column key → source name, by key, label and aliases, each source name used once."""
    by_name: dict[str, str] = {}
    for name in names:
        by_name.setdefault(fold(name), name)
    mapping: dict[str, str] = {}
    for pick in (lambda c: [c.key], lambda c: [c.label], lambda c: list(c.aliases)):
        for column in dataset.columns:
            if column.key in mapping:
                continue
            for wanted in pick(column):
                found = by_name.get(fold(wanted))
                if found is not None and found not in mapping.values():
                    mapping[column.key] = found
                    break
    return mapping


def fold(name: str) -> str:
    """A column name without case, width, blanks and punctuation, so that spellings meet."""
    text = unicodedata.normalize("NFKC", name).casefold()
    return "".join(c for c in text if c.isalnum())


def _dataset(raw: dict[str, Any]) -> DataSet:
    columns = tuple(_column(c) for c in raw["columns"])
    keys = [c.key for c in columns]
    if len(set(keys)) != len(keys):
        raise ValueError("a column is declared twice")
    for name in (*raw["natural_key"], *raw["sort"]):
        if name not in keys:
            raise ValueError(f"natural_key or sort names the unknown column {name!r}")
    month_from = raw.get("month_from", "")
    if raw["partition"] == "month" and month_from not in keys:
        raise ValueError(f"month_from names the unknown column {month_from!r}")
    return DataSet(
        key=raw["key"],
        label=raw["label"],
        description=raw["description"],
        partition=raw["partition"],
        month_from=month_from,
        natural_key=tuple(raw["natural_key"]),
        sort=tuple(raw["sort"]),
        columns=columns,
        checks=tuple(raw.get("checks", ())),
    )


def _column(raw: dict[str, Any]) -> Column:
    if raw["type"] not in SQL_TYPES:
        raise ValueError(f"column {raw['key']!r} has the unknown type {raw['type']!r}")
    if raw["type"] == "code" and raw.get("kind") not in {"doctor", "patient", "item"}:
        raise ValueError(f"column {raw['key']!r} is a code of no known kind")
    if raw["type"] == "choice" and not raw.get("choices"):
        raise ValueError(f"column {raw['key']!r} lists no choices")
    choices = {value: tuple(map(str, words)) for value, words in raw.get("choices", {}).items()}
    return Column(
        key=raw["key"],
        label=raw["label"],
        type=raw["type"],
        required=bool(raw.get("required", False)),
        help=raw.get("help", ""),
        aliases=tuple(map(str, raw.get("aliases", ()))),
        kind=raw.get("kind", "") if raw["type"] == "code" else "",
        choices=choices,
        labels=raw.get("labels", {}),
    )


def _no(key: str) -> Any:
    raise KeyError(key)
