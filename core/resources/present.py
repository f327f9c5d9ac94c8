"""Specs and rows as JSON: the shapes the site builds on."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from core.resources import export_rules, forms
from core.resources.rights import Rights
from core.resources.spec import Action, Field, Filter, Form, ResourceSpec, Row

_ALIGN = {"number": "right", "money": "right", "percent": "right", "double": "right"}
_FILTER = {
    "date": "date_range",
    "datetime": "date_range",
    "number": "number_range",
    "double": "number_range",
    "bool": "bool",
}


def value(found: Any) -> Any:
    """A value in JSON: decimals and uids as strings, dates in ISO form, instants in UTC."""
    if isinstance(found, Decimal):
        return format(found, "f")
    if isinstance(found, datetime | date):
        return found.isoformat()
    if isinstance(found, UUID):
        return str(found)
    if isinstance(found, Mapping):
        return {key: value(v) for key, v in found.items()}
    return [value(v) for v in found] if isinstance(found, list | tuple | set | frozenset) else found


def spec(rights: Rights, open_to: Mapping[str, str]) -> dict[str, Any]:
    """The spec as this person gets it: only verbs that may be taken somewhere, only filters that are open."""
    it = rights.spec
    ceiling = rights.ceiling()
    sortable = [key for key in it.by_key if it.by_key[key].sortable and it.class_of(key) <= ceiling]
    return {
        "key": it.key,
        "label": it.label,
        "label_plural": it.label_plural or it.label,
        "plugin": it.plugin,
        "data_class": it.data_class,
        "question": it.question,
        "columns": [column(f, f.key in sortable) for f in it.fields if f.column],
        "filters": [_filter(it, f, rights.principal) for f in it.filters if f.key in open_to],
        "orders": [{"key": k, "label": label} for k, label in it.orders if k.removeprefix("-") in sortable],
        "default_order": it.default_order if it.default_order.removeprefix("-") in sortable else "",
        "search": any(key in open_to for key in it.search),
        "actions": [action(a, rights.principal) for a in it.actions if rights.may(a.policy_action)],
        "export": export_rules.said(rights),
        "empty": dict(it.empty) or {"title": f"没有{it.label}", "hint": ""},
    }


def column(field: Field, sortable: bool) -> dict[str, Any]:
    """One column of a list."""
    found: dict[str, Any] = {
        "key": field.key,
        "label": field.label,
        "type": _shown_type(field),
        "align": field.align or _ALIGN.get(field.type, "left"),
        "sortable": sortable,
    }
    if field.role:
        found[field.role] = True
    if field.width:
        found["width"] = field.width
    if field.labels:
        found["labels"] = dict(field.labels)
    return found


def row(it: ResourceSpec, found: Row, slug: str) -> dict[str, Any]:
    """One (masked) row."""
    return {
        "uid": found.uid,
        "version": found.version,
        "state": found.state,
        "label": found.label,
        "href": href(it, found, slug),
        "values": {key: value(v) for key, v in found.values.items()},
        "masked": sorted(found.masked),
        "actions": list(found.actions),
    }


def href(it: ResourceSpec, found: Row, slug: str) -> str:
    """Where the row's page is."""
    return it.href(found) if it.href else f"/h/{slug}/r/{it.key}/{found.uid}"


def action(found: Action, principal: Any, filled: Row | None = None) -> dict[str, Any]:
    """One verb, with its form; `filled`: the masked row whose values fill it."""
    said: dict[str, Any] = {
        "verb": found.verb,
        "label": found.label,
        "style": found.style,
        "scope": found.scope,
    }
    asked = found.form_for(filled, principal)
    if asked:
        said["form"] = form(asked, principal, filled)
    if found.confirm:
        said["confirm"] = found.confirm
    return said


def form(found: Form, principal: Any, filled: Row | None = None) -> dict[str, Any]:
    """One form; masked values never fill an input."""
    inputs = []
    for item in found.fields:
        said: dict[str, Any] = {
            "key": item.key,
            "label": item.label,
            "type": item.type,
            "required": item.required,
            "help": item.help,
        }
        if item.type in ("choice", "choices"):
            said["choices"] = [{"value": v, "label": label} for v, label in forms.choices(item, principal)]
        if item.max_length:
            said["max_length"] = item.max_length
        if item.resource:
            said["resource"] = item.resource
        if item.only_with:
            said["only_with"] = {"key": item.only_with[0], "values": list(item.only_with[1:])}
        source = item.initial or item.key
        if item.value is not None:
            said["value"] = item.value
        elif filled is not None and source in filled.values and source not in filled.masked:
            said["value"] = value(filled.values[source])
        inputs.append(said)
    return {"title": found.title, "fields": inputs, "submit_label": found.submit_label, "help": found.help}


def fields_panel(it: ResourceSpec, found: Row) -> dict[str, Any]:
    """The panel a resource has when it declares none: every field that means something to a reader."""
    items = []
    for field in it.fields:
        if field.type == "uid":
            continue
        item: dict[str, Any] = {
            "key": field.key,
            "label": field.label,
            "type": _shown_type(field),
            "value": value(found.values.get(field.key)),
            "masked": field.key in found.masked,
        }
        if field.labels:
            item["labels"] = dict(field.labels)
        items.append(item)
    return {"id": "fields", "kind": "fields", "place": "main", "title": it.label, "items": items}


def _filter(it: ResourceSpec, found: Filter, principal: Any) -> dict[str, Any]:
    field = it.by_key[found.key]
    offered = forms.choices(found, principal) or list(field.labels.items())
    kind = found.type or ("choice" if offered else _FILTER.get(field.expr_type, "text"))
    said: dict[str, Any] = {"key": found.key, "label": found.label or field.label, "type": kind}
    if kind == "choice":
        said["choices"] = [{"value": v, "label": label} for v, label in offered]
    return said


def _shown_type(field: Field) -> str:
    return {"double": "number", "uid": "code"}.get(field.type, field.type)
