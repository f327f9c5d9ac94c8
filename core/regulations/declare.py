"""The reviewed YAML files of defaults, checked when read: own words, with regulation, article, dates, mark and source."""

import hashlib
import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

FOLDER = Path(__file__).with_name("declarations")
#: A default without a known first day is in force since ever.
EVER = date(1900, 1, 1)
#: How sure we are of a default.
MARKS: dict[str, str] = {
    "read": "读过原文",
    "second_hand": "二手资料",
    "from_memory": "凭记忆",
    "suggested": "平台建议",
}
#: Added where the research did not note the day: only the year, or nothing, was read.
DATE_FROM_MEMORY = "生效日期凭记忆，请核对。"
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class BadRules(ValueError):
    """A file of defaults that cannot be used; names the file and the place."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Param(_Strict):
    """One value of a rule. Numbers are whole or decimals written as text; a table has `columns`.

    `min` and `max` are bounds of the regulation itself: no hospital may go beyond.
    """

    label: str
    value: int | str | list[list[str]]
    unit: str = ""
    min: int | str | None = None
    max: int | str | None = None
    choices: list[str] = []
    columns: list[str] = []

    @property
    def kind(self) -> Literal["whole", "decimal", "text", "table"]:
        """How it is read and edited."""
        if isinstance(self.value, list):
            return "table"
        if isinstance(self.value, int):
            return "whole"
        return "decimal" if self.unit and _is_number(self.value) else "text"

    @model_validator(mode="after")
    def _sound(self) -> "Param":
        if self.kind == "table" and any(len(row) != len(self.columns) for row in self.value):  # type: ignore[union-attr]
            raise ValueError(f"{self.label}: a row has another number of cells than columns")
        if self.choices and self.value not in self.choices:
            raise ValueError(f"{self.label}: the value is not among the choices")
        if self.kind in ("whole", "decimal"):
            low, high = (None if b is None else Decimal(str(b)) for b in (self.min, self.max))
            at = Decimal(str(self.value))
            if (low is not None and at < low) or (high is not None and at > high):
                raise ValueError(f"{self.label}: the value lies outside its bounds")
        elif self.min is not None or self.max is not None:
            raise ValueError(f"{self.label}: bounds without a number")
        return self


class Default(_Strict):
    """One default in force from one day to another."""

    code: str = Field(pattern=r"^[a-z_]+\.[a-z_0-9]+$")
    title: str
    subject: str
    regulation: str = ""
    article: str = ""
    mark: Literal["read", "second_hand", "from_memory", "suggested"]
    starts_on: date = EVER
    ends_on: date | None = None
    source: str
    note: str = ""
    params: dict[str, Param]

    @model_validator(mode="after")
    def _sound(self) -> "Default":
        if not self.params:
            raise ValueError(f"{self.code}: no parameters")
        if self.ends_on is not None and self.ends_on < self.starts_on:
            raise ValueError(f"{self.code}: ends before it starts")
        return self

    @property
    def values(self) -> dict[str, Any]:
        """Parameter → value."""
        return {key: param.value for key, param in self.params.items()}

    @property
    def shape(self) -> dict[str, Any]:
        """Parameter → everything but its value."""
        return {
            key: param.model_dump(exclude={"value"}) | {"kind": param.kind}
            for key, param in self.params.items()
        }

    def digest(self) -> str:
        """SHA-256 of the canonical form: a changed declaration is a new version."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


@lru_cache(maxsize=4)
def defaults(folder: Path = FOLDER) -> tuple[tuple[Default, ...], Mapping[str, str]]:
    """Every default in the order of the files, and subject → Chinese name. Raises BadRules."""
    found: list[Default] = []
    subjects: dict[str, str] = {}
    sources = _read(folder / "sources.yaml")
    for path in sorted(folder.glob("*.yaml")):
        if path.name == "sources.yaml":
            continue
        body = _read(path)
        try:
            subjects[body["subject"]] = body["label"]
            found += [_default(body, one, sources) for one in body["rules"]]
        except (KeyError, TypeError, ValidationError, ValueError) as error:
            raise BadRules(f"{path.name}: {error}") from error
    for one in found:
        for other in found:
            if one is not other and one.code == other.code and _overlap(one, other):
                raise BadRules(f"{one.code}: two versions in force on one day")
    return tuple(found), subjects


def _default(body: Mapping[str, Any], one: Mapping[str, Any], sources: Mapping[str, str]) -> Default:
    given = dict(one)
    regulation = given.pop("regulation", body.get("regulation")) or ""
    starts = given.pop("from", body.get("from"))
    if starts is not None and starts.isoformat() not in sources["DATES"].split():
        given["note"] = (given.get("note") or "") + DATE_FROM_MEMORY
    return Default(
        subject=body["subject"],
        regulation=regulation,
        starts_on=starts or EVER,
        ends_on=given.pop("to", None),
        source="；".join(sources[key] for key in given.pop("source")),
        **given,
    )


def _overlap(one: Default, other: Default) -> bool:
    return one.starts_on <= (other.ends_on or date.max) and other.starts_on <= (one.ends_on or date.max)


def _read(path: Path) -> Any:
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a safe loader in C
    except yaml.YAMLError as error:
        raise BadRules(f"{path.name}: {error}") from error


def _is_number(text: Any) -> bool:
    try:
        return Decimal(str(text)).is_finite()
    except InvalidOperation:
        return False
