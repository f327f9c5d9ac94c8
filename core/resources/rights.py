"""What one person may see of a resource: which class in which row, which verbs, what may be filtered by."""

from dataclasses import replace
from typing import Any

from core.policy.decide import Verdict, can, may, rules_for, shown_class
from core.policy.predicates import Always, Never
from core.policy.types import type_policy
from core.resources.registry import Registered
from core.resources.spec import Action, ResourceSpec, Row


class Rights:
    """The decisions for one request; alike rows are decided once."""

    def __init__(self, principal: Any, found: Registered, actions: tuple[str, ...] = ("view",)) -> None:
        self.principal = principal
        self.spec: ResourceSpec = found.spec
        self.label_path = found.source.label_path
        self.actions = actions
        self._known: dict[tuple[Any, ...], Verdict] = {}

    def may(self, action: str) -> bool:
        """Whether there could be any row on which the action is allowed."""
        return may(self.principal, action, self.spec.policy_type)

    def verdict(self, action: str, row: Row) -> Verdict:
        """Policy's word on one row."""
        key = (action, *sorted(row.attrs.items()))
        if key not in self._known:
            self._known[key] = can(self.principal, action, self.spec.policy_type, dict(row.attrs))
        return self._known[key]

    def shown_class(self, row: Row) -> int:
        """The highest class shown in this row."""
        return min(self.verdict(action, row).max_class for action in self.actions)

    def masked(self, row: Row) -> Row:
        """The row with fields above the shown class emptied and named, and the verbs that may be taken now."""
        shown = self.shown_class(row)
        hidden = frozenset(key for key in row.values if self.spec.class_of(key) > shown)
        label_hidden = any(self.spec.by_key[key].source_path == self.label_path for key in hidden)
        return replace(
            row,
            values={key: None if key in hidden else value for key, value in row.values.items()},
            masked=hidden,
            label="…" if label_hidden else row.label,
            actions=tuple(a.verb for a in self.spec.actions if a.scope == "row" and self.offers(a, row)),
        )

    def offers(self, action: Action, row: Row) -> bool:
        """Whether the verb may be taken on the row in its state."""
        if action.states and row.state not in action.states:
            return False
        if action.when is not None and not action.when(row, self.principal):
            return False
        return self.verdict(action.policy_action, row).allowed

    def ceiling(self) -> int:
        """The class up to which every visible row shows its fields.

        Filtering or sorting by a field that some visible rows hide would tell what it holds there.
        """
        found = []
        for action in self.actions:
            rules = rules_for(self.principal, action, type_policy(self.spec.policy_type))
            classes = [
                (shown_class(row, self.principal), predicate)
                for row, predicate in rules
                if row.effect in ("allow", "mask") and not isinstance(predicate, Never)
            ]
            everywhere = [c for c, predicate in classes if isinstance(predicate, Always)]
            found.append(max([*everywhere, min((c for c, _ in classes), default=0)]))
        return min(found, default=0)

    def sensitive(self, rows: list[Row], data_class: int = 3) -> bool:
        """Whether any value of this class or above is shown in these (masked) rows."""
        secret = [f.key for f in self.spec.fields if self.spec.class_of(f.key) >= data_class]
        return any(
            key not in row.masked and row.values.get(key) is not None for row in rows for key in secret
        )
