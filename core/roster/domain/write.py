"""Writing a plan's rows, all of them in the caller's transaction, and taking them back.

Bulk twins of core.org.domain: the same invariants (paths and keys of order of the trees, sort keys, last days,
listeners told) for hundreds of rows at once. A row is written only while it still is what the plan saw.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from django.db import DEFAULT_DB_ALIAS
from django.db.models import F, Model, ProtectedError, RestrictedError
from django.db.models.deletion import Collector

from core.kernel.errors import Problem, Refused
from core.kernel.ids import new_uid
from core.org.domain.changes import tell
from core.org.domain.trees import MAX_DEPTH, segment
from core.org.models import Campus, Department, Enrolment, Hospital, PartyOrg, Person, Post
from core.roster.difference import REF, Op
from core.roster.faults import point
from core.roster.models import PartyMembership

MODELS: dict[str, type[Any]] = {
    "campus": Campus,
    "department": Department,
    "party_org": PartyOrg,
    "person": Person,
    "enrolment": Enrolment,
    "post": Post,
    "membership": PartyMembership,
}
TYPES = {
    "department": "org.department",
    "party_org": "org.party_org",
    "person": "org.person",
    "post": "org.post",
}
BATCH = 300
#: Rows on which no other row of these stands.
LEAVES = ("membership", "post", "enrolment")

#: One row of the journal: model, what was done, uid, values before and after, by column.
Journal = list[dict[str, Any]]


def execute(ops: Iterable[Op], hospital: Hospital) -> Journal:
    """Write all; what was done, so that it can be taken back. Raises Refused when a row is not as planned any more."""
    Hospital.objects.select_for_update().filter(pk=hospital.pk).first()
    by: dict[tuple[str, str], list[Op]] = defaultdict(list)
    for op in ops:
        by[op.do, op.model].append(op)
    made: dict[str, int] = {}
    journal: Journal = []
    for model in MODELS:  # first what frees a number or closes a membership, then what takes it
        journal += _update(model, [op for op in by["update", model] if not _refs(op)], made)
    for model in MODELS:
        journal += _create(model, by["create", model], hospital, made)
        if model in ("party_org", "person", "post"):
            point({"party_org": "after_trees", "person": "after_persons", "post": "after_posts"}[model])
    for model in MODELS:
        journal += _update(model, [op for op in by["update", model] if _refs(op)], made)
    for model in MODELS:
        journal += _delete(model, by["delete", model])
    point("after_updates")
    _settle(journal, hospital)
    return journal


def take_back(journal: Journal, hospital: Hospital) -> None:
    """Put every row back as it was. Raises Refused, naming the thing, when something was built on the change since."""
    Hospital.objects.select_for_update().filter(pk=hospital.pk).first()
    by: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in journal:
        by[row["do"], row["model"]].append(row)
    for model in MODELS:
        _unchanged(model, by["create", model] + by["update", model])
    for model in LEAVES:
        _remove(model, [row["uid"] for row in by["create", model]])
    for model in reversed(MODELS):
        for row in by["update", model]:
            _put(model, [row["uid"]], row["before"])
    for model in MODELS:
        again = [
            _instance(model, hospital, row["before"] | {"uid": row["uid"]}) for row in by["delete", model]
        ]
        _manager(model).bulk_create(again, batch_size=BATCH)
    for model in reversed(MODELS):
        if model not in LEAVES:
            _remove(model, [row["uid"] for row in by["create", model]])
    _settle(journal, hospital)


def _create(model: str, ops: list[Op], hospital: Hospital, made: dict[str, int]) -> Journal:
    journal: Journal = []
    waiting = ops
    while waiting:
        ready = [op for op in waiting if not _missing(op, made)]
        if not ready:
            lacking = sorted({ref for op in waiting for ref in _missing(op, made)})
            names = "、".join(ref.partition(":")[2] for ref in lacking[:5])
            raise Refused(f"被依赖的“{names}”没有包括在这次变动里。请不要把它留下，或把依赖它的行也留下。")
        rows = [_instance(model, hospital, _solved(op.after, made)) for op in ready]
        _manager(model).bulk_create(rows, batch_size=BATCH)
        for op, row in zip(ready, rows, strict=True):
            if op.ref:
                made[op.ref] = row.pk
            journal.append(_line("create", model, row, {}, _solved(op.after, made)))
        done = {id(op) for op in ready}
        waiting = [op for op in waiting if id(op) not in done]
    return journal


def _update(model: str, ops: list[Op], made: dict[str, int]) -> Journal:
    if not ops:
        return []
    rows = _locked(model, [op.pk for op in ops])
    journal: Journal = []
    groups: dict[str, list[int]] = defaultdict(list)
    values: dict[str, dict[str, Any]] = {}
    for op in ops:
        row = rows.get(op.pk)
        lacking = _missing(op, made)
        if lacking:
            raise Refused(f"被依赖的“{lacking[0].partition(':')[2]}”没有包括在这次变动里，请不要把它留下。")
        if row is None or _now(row, op.before) != op.before:
            raise Refused(STALE)
        after = _solved(op.after, made)
        journal.append(_line("update", model, row, op.before, after))
        key = repr(sorted(after.items()))
        groups[key].append(op.pk)
        values[key] = after
    for key, pks in groups.items():
        for start in range(0, len(pks), BATCH):
            _manager(model).filter(pk__in=pks[start : start + BATCH]).update(**_stepped(model, values[key]))
    return journal


def _delete(model: str, ops: list[Op]) -> Journal:
    if not ops:
        return []
    rows = _locked(model, [op.pk for op in ops])
    journal: Journal = []
    for op in ops:
        before = {k: v for k, v in op.before.items() if k != "uid"}
        row = rows.get(op.pk)
        if row is None or _now(row, before) != before:
            raise Refused(STALE)
        journal.append(_line("delete", model, row, before, {}))
    _remove(model, [line["uid"] for line in journal])
    return journal


STALE = "预览之后，医院的人员或组织又有了变动。请重新预览，再生效。"


def _unchanged(model: str, rows: list[dict[str, Any]]) -> None:
    """Refuse when a row is not as the change left it."""
    if not rows:
        return
    found = {str(row.uid): row for row in _manager(model).filter(uid__in=[r["uid"] for r in rows])}
    for line in rows:
        row = found.get(line["uid"])
        if row is None or _now(row, line["after"]) != line["after"]:
            name = str(row) if row is not None else "一项内容"
            raise Refused(
                f"不能撤销：这批变动之后，“{_shown(row) if row is not None else name}”又有了新的变动。请另行更正。"
            )


def _remove(model: str, uids: list[str]) -> None:
    """Delete rows on which nothing else stands. Raises Refused naming what does."""
    cls = MODELS[model]
    for rows in _deepest_first(model, uids):
        collector = Collector(using=DEFAULT_DB_ALIAS)
        try:
            collector.collect(rows)
        except (ProtectedError, RestrictedError) as error:
            held: set[Any] = getattr(error, "protected_objects", None) or set()
            raise _built_on(next(iter(held), None)) from error
        others = [m for m in collector.data if m is not cls]
        loose = [q for q in collector.fast_deletes if q.model is not cls and q.exists()]
        if others or loose or collector.field_updates:
            other = others[0] if others else loose[0].model if loose else None
            raise _built_on(other)
        ids = {row.pk for row in rows}
        if {row.pk for row in collector.data.get(cls, set(rows))} - ids:
            raise _built_on(cls)
        _manager(model).filter(pk__in=ids).delete()


def _deepest_first(model: str, uids: list[str]) -> Iterator[list[Any]]:
    """Rows in batches; of a tree, those at the bottom before those above."""
    found: list[Any] = []
    for start in range(0, len(uids), BATCH):
        found += _manager(model).filter(uid__in=uids[start : start + BATCH])
    levels: dict[int, list[Any]] = defaultdict(list)
    for row in found:
        levels[getattr(row, "path", "").count("/")].append(row)
    for depth in sorted(levels, reverse=True):
        for start in range(0, len(levels[depth]), BATCH):
            yield levels[depth][start : start + BATCH]


def _built_on(thing: Any) -> Problem:
    what = ""
    if thing is not None:
        meta = thing._meta
        what = f"“{meta.verbose_name}”" + (f"（{_shown(thing)}）" if isinstance(thing, Model) else "")
    return Refused(f"不能撤销：已有{what or '别的内容'}建立在这批变动之上。请另行更正。")


def _settle(journal: Journal, hospital: Hospital) -> None:
    """Paths and keys of order of the trees, then whoever listens is told."""
    touched: dict[str, set[str]] = defaultdict(set)
    for line in journal:
        touched[line["model"]].add(line["uid"])
    for model in ("department", "party_org"):
        if touched[model]:
            touched[model] |= _replant(MODELS[model])
    people = touched["person"] | _people(journal, touched["department"])
    for model, key in TYPES.items():
        tell(key, sorted(people if model == "person" else touched[model]), hospital)


def _people(journal: Journal, departments: set[str]) -> set[str]:
    """Uids of persons whose posts, memberships, roll or departments were touched, those of the journal's own left out."""
    known = {line["who"] for line in journal if line["model"] == "person"}
    ids = sorted({line["who"] for line in journal if line["who"]} - known)
    found: set[str] = set()
    for start in range(0, len(ids), BATCH):
        some = ids[start : start + BATCH]
        found |= {str(uid) for uid in Person.objects.filter(pk__in=some).values_list("uid", flat=True)}
    named = sorted(departments)
    for start in range(0, len(named), BATCH):
        inside = Post.objects.filter(department__uid__in=named[start : start + BATCH])
        found |= {str(uid) for uid in inside.values_list("person__uid", flat=True)}
    return found


def _replant(model: type[Any]) -> set[str]:
    """Path and key of order of every node, from the roots down; uids of those that changed. Raises Refused for a circle."""
    rows = list(model.objects.order_by("id"))
    below: dict[int | None, list[Any]] = defaultdict(list)
    for row in rows:
        below[row.parent_id].append(row)
    changed, seen, level = [], 0, [(row, "/", "") for row in below[None]]
    depth = 0
    while level:
        depth += 1
        following = []
        for row, path, key in level:
            seen += 1
            new_path, new_key = f"{path}{row.pk}/", key + segment(row.name, row.sort_key, row.pk)
            if (row.path, row.tree_key) != (new_path, new_key):
                row.path, row.tree_key = new_path, new_key
                changed.append(row)
            following += [(child, new_path, new_key) for child in below[row.pk]]
        level = following
    if seen != len(rows):
        raise Refused("上下级绕成了一圈，没有写入任何内容。请核对上级。")
    if depth > MAX_DEPTH:
        raise Refused(f"层级最多 {MAX_DEPTH} 层，这份名册有 {depth} 层。请减少层级。")
    if changed:
        model.objects.bulk_update(changed, ["path", "tree_key"], batch_size=200)
    return {str(row.uid) for row in changed}


def _manager(model: str) -> Any:
    return MODELS[model].objects


def _locked(model: str, pks: list[int]) -> dict[int, Any]:
    found: dict[int, Any] = {}
    for start in range(0, len(pks), BATCH):
        rows = _manager(model).select_for_update().filter(pk__in=pks[start : start + BATCH])
        found |= {row.pk: row for row in rows}
    return found


def _put(model: str, uids: list[str], values: dict[str, Any]) -> None:
    _manager(model).filter(uid__in=uids).update(**_stepped(model, values))


def _stepped(model: str, values: dict[str, Any]) -> dict[str, Any]:
    return values | {"version": F("version") + 1}


def _instance(model: str, hospital: Hospital, values: dict[str, Any]) -> Any:
    cls = MODELS[model]
    typed = {key: cls._meta.get_field(key).to_python(value) for key, value in values.items() if key != "uid"}
    if cls is not Person:
        typed["hospital_id"] = hospital.pk
    return cls(uid=values.get("uid") or new_uid(), **typed)


def _now(row: Any, like: dict[str, Any]) -> dict[str, Any]:
    """The row's own values of these columns, as JSON."""
    return {key: _json(getattr(row, key)) for key in like}


def _json(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def _refs(op: Op) -> bool:
    return any(_is_ref(key, value) for key, value in op.after.items())


def _missing(op: Op, made: dict[str, int]) -> list[str]:
    return [v for k, v in op.after.items() if _is_ref(k, v) and v not in made]


def _solved(values: dict[str, Any], made: dict[str, int]) -> dict[str, Any]:
    return {key: made[value] if _is_ref(key, value) else value for key, value in values.items()}


def _is_ref(key: str, value: Any) -> bool:
    return key.endswith("_id") and isinstance(value, str) and value.startswith(REF)


def _line(do: str, model: str, row: Any, before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """One row of the journal; `who` is the person's id where it is about one."""
    who = row.pk if model == "person" else getattr(row, "person_id", None)
    return {"do": do, "model": model, "uid": str(row.uid), "who": who, "before": before, "after": after}


def _shown(row: Any) -> str:
    for name in ("person", "name", "username"):
        value = getattr(row, name, None)
        if value:
            return str(value)
    return str(row)
