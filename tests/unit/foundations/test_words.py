"""What a person reads is Chinese: no Latin word in any declared label, but for names that have no other form."""

import re
from collections.abc import Iterator

from django.apps import apps
from django.urls import get_resolver

from core.api.home import CORE_MENU
from core.flow.declare import flow
from core.jobs.registry import kinds
from core.kernel.errors import CATALOGUE
from core.lake.datasets import all_datasets
from core.plugin_host.manifest import manifests
from core.policy.roles import ROLES
from core.policy.types import all_types
from core.resources import registry
from core.resources.spec import Form
from scripts import errors

#: Names and units that a Chinese hospital writes in Latin letters too, and the letters of the five rule classes.
ALLOWED = {
    *"ABCDE",
    "Excel",
    "CSV",
    "Parquet",
    "PDF",
    "Office",
    "ID",
    "NHS",
    "NIC",
    "BNF",
    "ATC",
    "DDD",
    "DDDs",
    "IP",
    "GP",
    "n",
}
LATIN = re.compile(r"[A-Za-z][A-Za-z'_-]*")
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def said() -> Iterator[tuple[str, str]]:
    """Where it stands, and the text: all that declarations give to people."""
    assert get_resolver().url_patterns  # some register with the routes
    for key, found in registry.everything().items():
        spec = found.spec
        yield from (
            (f"{key} label", text) for text in (spec.label, spec.label_plural, spec.question, spec.group)
        )
        yield from (
            (f"{key} empty {name}", text) for name, text in spec.empty.items() if isinstance(text, str)
        )
        yield from ((f"{key} order", label) for _, label in spec.orders)
        yield from ((f"{key} filter {f.key}", f.label) for f in spec.filters)
        for field in spec.fields:
            yield f"{key}.{field.key}", field.label
            yield from ((f"{key}.{field.key}={code}", label) for code, label in field.labels.items())
        for action in spec.actions:
            yield from ((f"{key}!{action.verb}", text) for text in (action.label, action.confirm))
            if isinstance(action.form, Form):
                yield from (
                    (f"{key}!{action.verb}", t)
                    for t in (action.form.title, action.form.help, action.form.submit_label)
                )
                for item in action.form.fields:
                    yield from ((f"{key}!{action.verb}.{item.key}", t) for t in (item.label, item.help))
                    if not callable(item.choices):
                        yield from ((f"{key}!{action.verb}.{item.key}", label) for _, label in item.choices)
    yield from ((f"problem {code}", title) for code, title in CATALOGUE.items())
    yield from ((f"role {code}", label) for code, label in ROLES.items())
    yield from ((f"type {code}", policy.label) for code, policy in all_types().items())
    yield from ((f"job {kind.kind}", kind.label) for kind in kinds())
    for entry in CORE_MENU:
        yield from ((f"menu {entry[0]}", entry[n]) for n in (1, 3, 4))
    for code, manifest in manifests().items():
        yield from (
            (f"plugin {code}", t)
            for t in (manifest.name, manifest.description, manifest.removal, *manifest.needs)
        )
        yield from (
            (f"plugin {code} menu {m.key}", t) for m in manifest.menu for t in (m.label, m.icon, m.group)
        )
    for key, data in all_datasets().items():
        yield from ((f"dataset {key}", text) for text in (data.label, data.description))
        yield from ((f"dataset {key}.{c.key}", text) for c in data.columns for text in (c.label, c.help))
    declared = flow("warning.case")
    yield from ((f"flow {state.code}", state.label) for state in declared.states)
    for step in declared.transitions:
        yield from ((f"flow {step.verb}", text) for text in (step.label, step.done, step.help))
    for model in apps.get_models():
        if model.__module__.startswith(("core.", "plugins.")):
            yield f"model {model._meta.label}", str(model._meta.verbose_name)


def test_no_latin_word_in_what_people_read() -> None:
    found = {
        (place, word) for place, text in said() for word in LATIN.findall(text or "") if word not in ALLOWED
    }
    assert sorted(found) == []


def test_labels_are_there_and_nobody_shouts() -> None:
    texts = list(said())
    assert len(texts) > 200
    loud = [
        (place, text)
        for place, text in texts
        if text and ("!" in text or "！" in text or "违规" in text or "你" in text)
    ]
    assert loud == []
    silent = [
        place
        for place, text in texts
        if place.startswith(("problem", "role", "type", "job", "model")) and not CHINESE.search(text)
    ]
    assert silent == []


def test_the_page_of_error_codes_is_current() -> None:
    assert set(errors.MEANS) == set(CATALOGUE)
    assert errors.FILE.read_text(encoding="utf-8") == errors.text(), "run: python -m scripts.errors"
