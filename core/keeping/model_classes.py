"""The class of every stored column that no resource declares: by model, in a reviewed list beside the tests.

A column has the class of its resource's field; else the class its model has in `tests/unit/vault/model_classes.csv`.
A model that is in neither fails the build (tests/unit/vault/test_classes.py), and so does one of class 3 or 4 whose
texts are neither sealed nor listed with a reason.
"""

from collections.abc import Mapping

from django.apps import apps
from django.db import models

from core.keeping.classes import SENSITIVE, Clear
from core.resources import registry
from core.vault.fields import EqualityField, SealedField

OURS = ("core.", "plugins.", "search")


def without_resource() -> dict[str, type[models.Model]]:
    """Label → model of ours that no registered resource shows."""
    shown = {getattr(one.source, "model", None) for one in registry.everything().values()}
    ours = (m for m in apps.get_models() if m.__module__.startswith(OURS) and not m._meta.proxy)
    return {m._meta.label: m for m in ours if m not in shown}


def clear_texts(classes: Mapping[str, int]) -> set[Clear]:
    """Text columns of models of class ≥ 3 in `classes` that are stored as they are."""
    found = set()
    for label, model in without_resource().items():
        if classes.get(label, 0) < SENSITIVE:
            continue
        for own in model._meta.local_fields:
            text = isinstance(own, (models.CharField, models.TextField, models.JSONField)) and not own.choices
            if text and not isinstance(own, (SealedField, EqualityField)):
                found.add(Clear(f"{label}.{own.name}", classes[label]))
    return found
