"""The values a rule is judged with: its defaults, the hospital's own over them, a department's over those."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from . import expr as x
from .compile import parameters
from .measured import Measured
from .rules import Band, Rule


class BadValue(Exception):
    """A hospital's value is out of the range that the rule gives now; the text says which, in Chinese."""


class Own:
    """One rule's own values. `given`: parameter → the hospital's value; `local`: department → parameter → its value."""

    def __init__(
        self, rule: Rule, given: Mapping[str, Any] | None, local: Mapping[str, Mapping[str, Any]] | None
    ) -> None:
        self.given, self.rule = given, rule
        self.local = local or {}
        self.place = rule.grain.index("department") if self.local else -1

    @property
    def values(self) -> dict[str, Any]:
        """Defaults with the hospital's own over them. Raises BadValue for one that the rule as it stands no longer takes."""
        try:
            return parameters(self.rule, self.given)
        except ValueError as error:
            raise BadValue(f"{error}，请重新设定，未判断") from error

    def columns(self, m: Measured, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values with one entry a row where a department has its own."""
        found = dict(values)
        for name in sorted({name for own in self.local.values() for name in own}):
            rows = [self._of(key).get(name, values[name]) for key in m.keys]
            found[name] = np.array([np.nan if one is None else one for one in rows], dtype=float)
        return found

    def at(self, m: Measured, row: int, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values of one row."""
        return {**values, **self._of(m.keys[row])}

    def named(
        self, rule: Rule, band: Band, values: Mapping[str, Any], subject: Mapping[str, Any]
    ) -> tuple[dict[str, Any], ...]:
        """Values that differ from the rule's defaults: which, from what, whose, and whether the band's limit is made of it."""
        mine = self.local.get(str(subject.get("department")), {})
        limit = x.params(band.threshold) | x.params(band.when)
        return tuple(
            {
                "name": name,
                "label": one.label,
                "unit": one.unit,
                "default": one.default,
                "value": values[name],
                "of": "department" if name in mine else "hospital",
                "limit": name in limit,
            }
            for name, one in rule.parameters.items()
            if values[name] != one.default
        )

    def _of(self, key: tuple) -> Mapping[str, Any]:
        return self.local.get(str(key[self.place]), {}) if self.local else {}
