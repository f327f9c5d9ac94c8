"""What a resource declares: fields, actions, forms, filters. Plain frozen data; the site renders it as it is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

#: Column type on the page → type in expressions.
FIELD_TYPES: dict[str, str] = {
    "text": "text",
    "number": "number",
    "money": "number",
    "percent": "number",
    "double": "double",
    "date": "date",
    "datetime": "datetime",
    "month": "month",
    "bool": "bool",
    "level": "text",
    "state": "text",
    "link": "text",
    "person": "text",
    "code": "text",
    "uid": "uid",
}
FORM_TYPES = (
    "text", "textarea", "number", "money", "date", "month", "choice", "choices", "file", "files", "bool",
    "person", "department", "lookup",
)  # fmt: skip


@dataclass(frozen=True)
class Field:
    """One field of a row.

    `path`: ORM path or column, the key when empty. `scale`: the column holds value × 10^scale (fen: 2).
    `order_path`: what to sort by instead (a pinyin sort key). `zone`: zone of a timestamp without one.
    `compute` makes the value from `needs` (paths → values) and can be neither filtered, sorted nor summed.
    `data_class`: the resource's own when None. `column` false: not a column of the list, only of the detail.
    """

    key: str
    label: str
    type: str = "text"
    path: str = ""
    data_class: int | None = None
    filterable: bool = False
    sortable: bool = False
    summable: bool = False
    scale: int = 0
    order_path: str = ""
    zone: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    align: str = ""
    role: str = ""  # primary | secondary: what a phone card shows
    width: str = ""
    column: bool = True
    compute: Callable[[Mapping[str, Any]], Any] | None = None
    needs: tuple[str, ...] = ()

    @property
    def source_path(self) -> str:
        """ORM path or column name."""
        return self.path or self.key

    @property
    def expr_type(self) -> str:
        """The type in expressions."""
        return FIELD_TYPES[self.type]


@dataclass(frozen=True)
class FormField:
    """One input. `choices`: (value, label) pairs, or a function of the principal giving them. `initial`: the row's
    field that fills it, the key itself when empty. `value`: what fills it instead, known by a form made for the row.
    `only_with`: the key of a choice before it and the values of it under which this input is asked at all."""

    key: str
    label: str
    type: str = "text"
    required: bool = False
    help: str = ""
    choices: tuple[tuple[str, str], ...] | Callable[[Any], list[tuple[str, str]]] = ()
    max_length: int | None = None
    resource: str = ""
    initial: str = ""
    value: str | None = None
    only_with: tuple[str, ...] = ()


@dataclass(frozen=True)
class Form:
    """A form of an action."""

    title: str
    fields: tuple[FormField, ...]
    submit_label: str = "保存"
    help: str = ""


@dataclass(frozen=True)
class Command:
    """A verb on its way to a handler: everything cleaned and allowed."""

    key: str
    verb: str
    uid: str | None
    expected_version: int | None
    values: Mapping[str, Any]
    files: tuple[str, ...]
    principal: Any
    by: Any
    at: datetime


@dataclass(frozen=True)
class Done:
    """What a handler answers. `uid`: the row it made; `event`: facts for audit and outbox, codes only.

    `shown_once`: what only this one answer carries (a code, a token); it is neither recorded nor kept for a repeat.
    """

    uid: str | None = None
    message: str = "已保存。"
    href: str | None = None
    job: str | None = None
    event: Mapping[str, Any] = field(default_factory=dict)
    shown_once: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Action:
    """A verb. `handler(command, thing)` runs inside `acting()`; `thing` is what the source holds, locked, or None.

    `form` may be a function of the row and the person, for a verb whose inputs differ from row to row.
    `right` is the policy action asked (the verb when empty). `states`: only in these; empty = any.
    `checks_version`: a stale or missing version is refused (row actions).
    `when`: offered to this person on this row only where it answers True; a courtesy, the handler holds the border.
    """

    verb: str
    label: str
    handler: Callable[[Command, Any], "Done | None"]
    style: str = "plain"  # primary | plain | quiet
    scope: str = "row"  # row | list
    form: "Form | Callable[[Row, Any], Form] | None" = None
    confirm: str = ""
    states: frozenset[str] = frozenset()
    right: str = ""
    checks_version: bool = True
    when: "Callable[[Row, Any], bool] | None" = None

    @property
    def policy_action(self) -> str:
        """The action in the policy table."""
        return self.right or self.verb

    def form_for(self, row: "Row | None", principal: Any) -> Form | None:
        """The form on this row; None without a row for a form that is made from one."""
        if callable(self.form):
            return self.form(row, principal) if row is not None else None
        return self.form


@dataclass(frozen=True)
class Filter:
    """A filter the list offers. Type and choices follow from the field unless given."""

    key: str
    label: str = ""
    type: str = ""  # choice | text | date_range | number_range | bool
    choices: tuple[tuple[str, str], ...] | Callable[[Any], list[tuple[str, str]]] = ()


@dataclass(frozen=True)
class Row:
    """One row, frozen, as it leaves a source. `attrs` are what policy asks of; `place` is the keyset position."""

    uid: str
    version: int
    hospital: int
    state: str
    label: str
    values: Mapping[str, Any]
    attrs: Mapping[str, Any] = field(default_factory=dict)
    place: tuple[Any, ...] = ()
    masked: frozenset[str] = frozenset()
    actions: tuple[str, ...] = ()


#: Builds the panels of the detail page from the masked row and the principal.
PanelBuilder = Callable[[Row, Any], list[dict[str, Any]]]


@dataclass(frozen=True)
class ResourceSpec:
    """A resource. `type_key` names the policy type when it is not the key itself."""

    key: str
    label: str
    fields: tuple[Field, ...]
    data_class: int
    plugin: str = "core"
    label_plural: str = ""
    question: str = ""
    actions: tuple[Action, ...] = ()
    filters: tuple[Filter, ...] = ()
    orders: tuple[tuple[str, str], ...] = ()
    default_order: str = ""
    search: tuple[str, ...] = ()
    export: bool = False
    empty: Mapping[str, Any] = field(default_factory=dict)
    panels: PanelBuilder | None = None
    title: Callable[[Row], str] | None = None
    subtitle: Callable[[Row], str] | None = None
    badges: Callable[[Row], list[dict[str, Any]]] | None = None
    href: Callable[[Row], str] | None = None
    type_key: str = ""
    icon: str = ""
    group: str = ""
    by_key: Mapping[str, Field] = field(init=False, default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_key", MappingProxyType({f.key: f for f in self.fields}))

    @property
    def policy_type(self) -> str:
        """The key under which policy knows it."""
        return self.type_key or self.key

    def class_of(self, key: str) -> int:
        """The data class of a field."""
        own = self.by_key[key].data_class
        return self.data_class if own is None else own

    def action(self, verb: str) -> Action | None:
        """The action of that verb."""
        return next((a for a in self.actions if a.verb == verb), None)
