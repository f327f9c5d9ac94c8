"""Which resources there are. A spec that asks its source for more than it can do is refused here, when it registers."""

from dataclasses import dataclass
from typing import Any

from core.resources.source import Source
from core.resources.spec import FIELD_TYPES, FORM_TYPES, Form, ResourceSpec


class BadSpec(ValueError):
    """A declaration that cannot work: a fault of its author, told at start."""


@dataclass(frozen=True)
class Registered:
    """A spec with its source."""

    spec: ResourceSpec
    source: Source


_known: dict[str, Registered] = {}


def register(spec: ResourceSpec, source: Source) -> ResourceSpec:
    """Make a resource known; the same key again replaces it. Raises BadSpec."""
    _known[spec.key] = nested(spec, source)
    return spec


def nested(spec: ResourceSpec, source: Source) -> Registered:
    """A resource inside another (the lines behind one warning): checked alike, shown by `gateway.rows`, never listed."""
    _check(spec)
    for reason in source.bind(spec):
        raise BadSpec(f"{spec.key}: {reason}")
    return Registered(spec, source)


def get(key: str) -> Registered | None:
    """The resource of that key."""
    return _known.get(key)


def everything() -> dict[str, Registered]:
    """All resources by key: for the walker, the menu and the documentation."""
    return dict(sorted(_known.items()))


def forget(key: str) -> None:
    """Take a resource out again: for tests."""
    _known.pop(key, None)


def _check(spec: ResourceSpec) -> None:
    def bad(reason: str) -> BadSpec:
        return BadSpec(f"{spec.key}: {reason}")

    if len(spec.by_key) != len(spec.fields):
        raise bad("two fields of one key")
    if len({a.verb for a in spec.actions}) != len(spec.actions):
        raise bad("two actions of one verb")
    for found in spec.fields:
        if found.type not in FIELD_TYPES:
            raise bad(f"field {found.key}: no type {found.type!r}")
        if found.compute and (found.filterable or found.sortable or found.summable):
            raise bad(f"field {found.key} is computed: it can be neither filtered, sorted nor summed")
        if found.summable and found.expr_type not in ("number", "double"):
            raise bad(f"field {found.key} is no number and cannot be summed")
    for offered in (*(f.key for f in spec.filters), *spec.search):
        _needs(spec, offered, "filterable", bad)
    for key in spec.search:
        if spec.by_key[key].expr_type != "text":
            raise bad(f"search in {key}: not a text field")
    for order in (*(k for k, _ in spec.orders), *([spec.default_order] if spec.default_order else [])):
        _needs(spec, order.removeprefix("-"), "sortable", bad)
    for action in spec.actions:
        if action.scope not in ("row", "list"):
            raise bad(f"action {action.verb}: scope {action.scope!r}")
        for item in action.form.fields if isinstance(action.form, Form) else ():
            if item.type not in FORM_TYPES:
                raise bad(f"form field {action.verb}.{item.key}: no type {item.type!r}")


def _needs(spec: ResourceSpec, key: str, quality: str, bad: Any) -> None:
    if key not in spec.by_key:
        raise bad(f"no field {key!r}")
    if not getattr(spec.by_key[key], quality):
        raise bad(f"field {key} is not {quality}, and the list engine never emulates it")
