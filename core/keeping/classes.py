"""Which columns of class 3 and 4 lie in the database in clear: read from the declarations, held against a reviewed list.

The build fails (tests/unit/vault/test_classes.py) for one that is neither a `SealedField` nor listed with a reason.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db import models

from core.policy.types import all_types
from core.resources import registry
from core.resources.spec import Field, ResourceSpec
from core.vault.fields import EqualityField, SealedField

SENSITIVE = 3
#: References, flags and clocks: what they point to is judged where it is declared.
PLAIN = (
    models.ForeignKey, models.AutoField, models.UUIDField, models.BooleanField, models.DateTimeField,
)  # fmt: skip


@dataclass(frozen=True, order=True)
class Clear:
    """A column (`app.Model.field`), or a type without a model, of class ≥ 3 that is stored as it is."""

    name: str
    data_class: int


def clear_columns() -> set[Clear]:
    """All of them, by the resources and types that are registered in this process."""
    found: dict[str, int] = {}
    covered = set()
    for one in registry.everything().values():
        model = getattr(one.source, "model", None)
        if model is None:
            continue
        covered.add(one.spec.policy_type)
        for name, data_class in _columns(one.spec, model):
            found[name] = max(found.get(name, 0), data_class)
    for key, policy in all_types().items():
        if policy.data_class >= SENSITIVE and key not in covered:
            found[f"type {key}"] = policy.data_class
    return {Clear(name, data_class) for name, data_class in found.items()}


def _columns(spec: ResourceSpec, model: type[models.Model]) -> Iterator[tuple[str, int]]:
    """Declared fields of class ≥ 3; of a resource that is so as a whole, every text column besides, shown or not."""
    if spec.data_class >= SENSITIVE:
        for own in model._meta.local_fields:
            text = isinstance(own, (models.CharField, models.TextField, models.JSONField)) and not own.choices
            if text and not isinstance(own, (SealedField, EqualityField)):
                yield f"{model._meta.label}.{own.name}", spec.data_class
    for field in spec.fields:
        data_class = spec.class_of(field.key)
        if data_class < SENSITIVE:
            continue
        for path in _paths(field):
            column = _column(model, path)
            if column is not None and not isinstance(column, (SealedField, EqualityField, *PLAIN)):
                yield f"{column.model._meta.label}.{column.name}", data_class


def _paths(field: Field) -> list[str]:
    return list(field.needs) if field.compute else [field.source_path]


def _column(model: Any, path: str) -> Any:
    """The field at the end of an ORM path; None for an annotation."""
    found = None
    for part in path.split("__"):
        try:
            found = model._meta.get_field(part)
        except FieldDoesNotExist:
            return found if isinstance(found, models.JSONField) else None
        model = getattr(found, "related_model", None) or model
    return found
