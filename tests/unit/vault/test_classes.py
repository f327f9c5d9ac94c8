"""Every stored column has a class, and none of class 3 or 4 lies in clear without a reviewed reason.

clear_allowed.csv: what lies in clear, and why. model_classes.csv: the class of models that no resource shows.
"""

import csv
from pathlib import Path

import pytest
from django.apps import apps
from django.db import models
from django.test.utils import isolate_apps

from core.keeping import model_classes
from core.keeping.classes import Clear, clear_columns
from core.keeping.model_classes import clear_texts, without_resource
from core.resources import registry
from core.resources.model_source import ModelSource
from core.resources.spec import Field, ResourceSpec

HERE = Path(__file__).parent


def listed() -> dict[Clear, str]:
    with (HERE / "clear_allowed.csv").open(encoding="utf-8", newline="") as file:
        return {Clear(row["name"], int(row["class"])): row["reason"] for row in csv.DictReader(file)}


def classes() -> dict[str, int]:
    with (HERE / "model_classes.csv").open(encoding="utf-8", newline="") as file:
        return {row["model"]: int(row["class"]) for row in csv.DictReader(file)}


def test_what_is_stored_in_clear_is_reviewed_and_nothing_else_is_listed() -> None:
    found, allowed = clear_columns() | clear_texts(classes()), listed()
    assert sorted(found - set(allowed)) == [], "seal these (core.vault.fields), or list them with a reason"
    assert sorted(set(allowed) - found) == [], "no longer there: take these out of the list"
    assert all(len(reason) > 20 for reason in allowed.values())


def test_every_resource_and_field_has_a_class() -> None:
    for one in registry.everything().values():
        assert all(one.spec.class_of(field.key) in {1, 2, 3, 4} for field in one.spec.fields)


def test_every_model_has_a_class_of_its_own_or_its_resources() -> None:
    there, known = set(without_resource()), classes()
    assert sorted(there - set(known)) == [], "give these a class in tests/unit/vault/model_classes.csv"
    assert sorted(set(known) - there) == [], "gone, or a resource shows them now: take these out"
    assert set(known.values()) <= {1, 2, 3, 4}


def test_a_model_without_a_class_and_a_sensitive_text_in_clear_are_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with isolate_apps("core.vault"):

        class Stray(models.Model):
            """Nobody gave it a class."""

            remark = models.CharField(max_length=20)

            class Meta:
                app_label = "vault"

    Stray.__module__ = "core.vault.models"
    monkeypatch.setattr(model_classes.apps, "get_models", lambda real=apps.get_models: [*real(), Stray])
    assert "vault.Stray" in set(without_resource()) - set(classes())
    assert Clear("vault.Stray.remark", 3) in clear_texts({"vault.Stray": 3})
    assert clear_texts({"vault.Stray": 2}) == set()


def test_a_declared_field_of_class_three_in_clear_is_seen() -> None:
    from core.org.models import Campus

    spec = ResourceSpec(
        key="org.campus_probe",
        label="样表",
        data_class=2,
        type_key="org.department",
        fields=(Field("name", "名称"), Field("code", "代码", data_class=3)),
    )
    source = ModelSource(Campus, label="name")
    source.bind = lambda _: []  # type: ignore[method-assign]
    registry.register(spec, source)
    try:
        assert Clear("org.Campus.code", 3) in clear_columns()
    finally:
        registry.forget(spec.key)
