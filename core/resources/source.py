"""What a source is: five functions and what they take. Sources filter by policy themselves, from the scope given."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from core.kernel.expressions import Expr
from core.resources.spec import Action, Command, Done, ResourceSpec, Row

#: Counts stop here: "1000+".
COUNT_CAP = 1000


@dataclass(frozen=True)
class Scope:
    """Whose eyes: rows of the hospital on which the principal may do every one of the actions."""

    principal: Any
    type_key: str
    actions: tuple[str, ...] = ("view",)
    memo: dict[str, Any] = field(default_factory=dict, compare=False)  # what a source keeps for one request

    @property
    def hospital_id(self) -> int:
        """The hospital's database id."""
        return int(self.principal.hospital_id)


@dataclass(frozen=True)
class Order:
    """Sort by a field, nulls last either way; row ids break ties. No field: by row id alone."""

    key: str | None = None
    descending: bool = False


@dataclass(frozen=True)
class Measure:
    """A total: count, sum, min or max of a field."""

    kind: str
    key: str | None = None

    @property
    def name(self) -> str:
        """The key of the total in the answer."""
        return f"{self.kind}_{self.key}" if self.key else self.kind


class Source(Protocol):
    """Where rows live."""

    label_path: str

    def bind(self, spec: ResourceSpec) -> list[str]:
        """Take the spec; what this source cannot do for it, as English sentences."""

    def select(
        self, scope: Scope, where: Expr | None, order: Order, after: tuple[Any, ...] | None, limit: int
    ) -> Sequence[Row]:
        """At most `limit` rows in order, after the keyset position `after` (a former row's `place`)."""

    def count(self, scope: Scope, where: Expr | None, cap: int = COUNT_CAP) -> int:
        """How many rows, counted up to `cap` + 1."""

    def get(self, scope: Scope, uid: str) -> Row | None:
        """One row, or None when there is none that the scope shows."""

    def apply(self, scope: Scope, action: Action, command: Command) -> tuple[str | None, Done]:
        """Run the action's handler inside the caller's transaction; the uid touched and what the handler said.

        Raises `Stale` when the version moved on.
        """

    def aggregate(
        self, scope: Scope, where: Expr | None, by: Sequence[str], measures: Sequence[Measure]
    ) -> list[dict[str, Any]]:
        """Totals by the values of fields, at most 1,000 groups."""

    def as_of(self, scope: Scope) -> str | None:
        """The day or version the rows stand for, if they are a snapshot."""


class Stale(Exception):
    """The row has a newer version than the one the command was made on."""
