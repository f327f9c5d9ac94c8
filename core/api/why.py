"""The question "why can she see this?", put for the page and for the command line alike. Policy alone decides."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db.models import Q

from core.kernel import clock
from core.kernel.context import hospital_scope
from core.kernel.errors import NotFound
from core.org.models import Hospital, Person, Post, User
from core.plugin_host.manifest import manifests
from core.policy.activation import CORE, is_enabled
from core.policy.domain.why import Named, explain, post_out, row_out
from core.policy.principal import Principal, principal_of
from core.policy.roles import role_label
from core.resources import registry
from core.resources.model_source import ModelSource
from core.resources.registry import Registered
from core.resources.source import Order, Scope
from core.resources.spec import Row

#: Things and people offered at once.
OFFERED = 20
VIEW, EXPORT = "查看", "导出"


def types(hospital_id: int) -> list[dict[str, Any]]:
    """Types that can be asked about, with their actions. Those of plugins switched off too: that is an answer."""
    return [
        {
            "key": key,
            "label": found.spec.label,
            "actions": [{"key": k, "label": label} for k, label in _actions(found).items()],
        }
        for key, found in registry.everything().items()
        if found.spec.plugin == CORE or found.spec.plugin in manifests()
    ]


def people(hospital: Hospital, q: str) -> list[dict[str, str]]:
    """People who hold or held a post in the hospital, by part of the name or by account name."""
    if not q.strip():
        return []
    named = Q(name__icontains=q.strip()) | Q(user__username__iexact=q.strip())
    here = Post.unscoped.filter(hospital=hospital).values("person_id")
    found = Person.objects.filter(named, pk__in=here).order_by("sort_key", "pk")[:OFFERED]
    persons = list(found)
    last = _last_posts(persons, hospital)
    hints = {pk: role_label(role) for pk, (role, _) in last.items()}
    return [{"uid": str(one.uid), "name": one.name, "hint": hints.get(one.pk, "")} for one in persons]


def objects(hospital: Hospital, type_key: str, q: str) -> list[dict[str, str]]:
    """Things of a type by their label, or by uid. Only labels of class 1 and 2 are told."""
    found = _resource(type_key)
    with hospital_scope(hospital):
        if uid := as_uid(q):
            row = found.source.get(_all(hospital, found), uid)
            rows = [row] if row else []
        else:
            rows = list(found.source.select(_all(hospital, found), None, Order(descending=True), None, 200))
    text = q.strip().lower()
    shown = [(row.uid, _label(found, row)) for row in rows]
    return [{"uid": uid, "label": label} for uid, label in shown if as_uid(q) or text in label.lower()][
        :OFFERED
    ]


def why(hospital: Hospital, person_uid: str, type_key: str, action: str, uid: str = "") -> dict[str, Any]:
    """The answer: {allowed, effect, sentence, row, post, steps}. Raises NotFound for what does not exist here."""
    found = _resource(type_key)
    labels = _actions(found)
    person = _person(hospital, person_uid)
    if action not in labels:
        raise NotFound()
    thing: Row | None = None
    if uid:
        with hospital_scope(hospital):
            thing = found.source.get(_all(hospital, found), uid) if as_uid(uid) else None
        if thing is None:
            raise NotFound()
    plugin = found.spec.plugin
    states = next((f.labels for f in found.spec.fields if f.type == "state"), {})
    named = Named(person.name, found.spec.label, labels[action], thing.label if thing else "", states)
    principal = principal_of(person, hospital)
    answer = explain(
        principal,
        _policy_action(found, action),
        found.spec.policy_type,
        dict(thing.attrs) if thing else None,
        named,
        last_post=_last_posts([person], hospital).get(person.pk),
        switched_off="" if is_enabled(plugin, hospital.id) else manifests()[plugin].name,
        account=_account(person),
    )
    verdict = answer.verdict
    return {
        "allowed": answer.allowed,
        "effect": answer.effect,
        "sentence": answer.sentence,
        "row": row_out(verdict.row, named) if verdict and verdict.row else None,
        "post": post_out(verdict.post) if verdict and verdict.post else None,
        "steps": [{"ok": ok, "text": text} for ok, text in answer.steps],
    }


def as_uid(text: str) -> str:
    """The uid in its one spelling; empty when it is none."""
    try:
        return str(UUID(text.strip()))
    except ValueError:
        return ""


def asked(type_key: str, action: str) -> str:
    """What was asked about, in words: the action and the type, as `why` has accepted them."""
    found = _resource(type_key)
    return f"{_actions(found)[action]}“{found.spec.label}”"


def _actions(found: Registered) -> dict[str, str]:
    export = {"export": EXPORT} if found.spec.export else {}
    return {"view": VIEW, **{a.verb: a.label for a in found.spec.actions}, **export}


def _policy_action(found: Registered, verb: str) -> str:
    declared = found.spec.action(verb)
    return declared.policy_action if declared else verb


def _resource(type_key: str) -> Registered:
    found = registry.get(type_key)
    if found is None or not isinstance(found.source, ModelSource):
        raise NotFound()
    return found


def _all(hospital: Hospital, found: Registered) -> Scope:
    """Every row of the hospital, whoever asks: for choosing what to ask about, never for showing what is in it."""
    nobody = Principal(0, "", 0, hospital.id, "")
    return replace(Scope(nobody, found.spec.policy_type), actions=())


def _label(found: Registered, row: Row) -> str:
    path = found.source.label_path
    shown = [f for f in found.spec.fields if f.source_path == path]
    if shown and all(found.spec.class_of(f.key) <= 2 for f in shown):
        return row.label or row.uid
    return f"{found.spec.label} …{row.uid[-6:]}"


def _person(hospital: Hospital, uid: str) -> Person:
    person = Person.objects.filter(uid=uid).first() if as_uid(uid) else None
    if person is None or not Post.unscoped.filter(person=person, hospital=hospital).exists():
        raise NotFound()
    return person


def _account(person: Person) -> str:
    user = User.objects.filter(person=person).first()
    if user is not None and not user.is_active:
        return f"{person.name}的账号已停用，不能登录。"
    return ""


def _last_posts(persons: Iterable[Person], hospital: Hospital) -> dict[int, tuple[str, Any]]:
    """Role and last day of each person's latest post that has begun, else of the first to come: one query."""
    day, found = clock.today(hospital.zone), {}
    rows = Post.unscoped.filter(person__in=[one.pk for one in persons], hospital=hospital)
    for post in rows.order_by("starts_on", "id"):
        if post.starts_on <= day or post.person_id not in found:
            found[post.person_id] = (post.role, post.ends_on)
    return found
