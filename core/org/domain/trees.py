"""Growing and changing the trees: paths, keys of order and sort keys are set here, never in `save()`.

Whoever moves a node locks the hospital's row first: two people moving at once could otherwise close a circle.
"""

import re
from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q

from core.kernel import clock
from core.kernel.errors import FieldError, Invalid, Problem
from core.kernel.sortkey import sort_key
from core.org.domain.changes import tell
from core.org.models import Campus, Department, Hospital, PartyOrg, Post

#: Levels of a tree, the root included.
MAX_DEPTH = 12
#: Which kind of Party organisation may stand above which: smaller above larger.
PARTY_RANKS = {"committee": 0, "general_branch": 1, "branch": 2, "group": 3}
#: At most so many names in one sentence.
NAMED = 5
_NUMERALS = "一二三四五六七八九"
_ORDINAL = re.compile(r"第([一二三四五六七八九]?十?[一二三四五六七八九]|[一二三四五六七八九]?十)(?!百)")
#: Letters kept of each level's name; with six of the id and MAX_DEPTH levels within the column.
_WIDTH = 24
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_WORDS: dict[type[Any], tuple[str, str, str]] = {
    Department: ("org.department", "科室", "department"),
    PartyOrg: ("org.party_org", "党组织", "party_org"),
}


def create_hospital(*, slug: str, name: str, short_name: str = "", opened_on: date | None = None) -> Hospital:
    """A new hospital. Raises Invalid when the slug is taken."""
    if Hospital.objects.filter(slug=slug).exists():
        raise Invalid(f"网址名“{slug}”已被使用，请换一个。")
    return Hospital.objects.create(
        slug=slug,
        name=name,
        short_name=short_name or name,
        sort_key=sort_key(name),
        opened_on=opened_on,
    )


def add_department(
    *,
    hospital: Hospital,
    code: str,
    name: str,
    parent: Department | None = None,
    campus: Campus | None = None,
    **values: Any,
) -> Department:
    """A department below `parent`; it takes the parent's campus when none is named. Raises Invalid."""
    _same_hospital(campus, hospital, "campus", "院区")
    return _add(
        Department,
        hospital,
        parent,
        code=code,
        name=name,
        campus=campus or (parent and parent.campus),
        **values,
    )


def add_party_org(
    *, hospital: Hospital, code: str, name: str, kind: str, parent: PartyOrg | None = None, **values: Any
) -> PartyOrg:
    """A Party organisation below `parent`. Raises Invalid: a foreign parent, a branch above a committee."""
    _party_ranks(kind, parent)
    return _add(PartyOrg, hospital, parent, code=code, name=name, kind=kind, **values)


def rename(node: Any, name: str) -> None:
    """Another name; everything below is ordered anew. Raises Invalid for an empty name."""
    _named(node, name)
    with transaction.atomic():
        _lock(node.hospital_id)
        node.name, node.sort_key = name.strip(), sort_key(name.strip())
        _save(node, name=node.name, sort_key=node.sort_key)
        _replant(node, node.parent)


def recode(node: Any, code: str) -> None:
    """Another code, unique in the hospital. Raises Invalid when it is taken."""
    code = code.strip()
    if code != node.code:
        _code_free(type(node), node.hospital_id, code, node.pk)
        _save(node, code=code)
        tell(_WORDS[type(node)][0], [node.uid], node.hospital)


def move(node: Any, parent: Any) -> None:
    """Below another parent, or to the top with None. Raises Invalid for itself, a descendant, a foreign or retired parent."""
    with transaction.atomic():
        _lock(node.hospital_id)
        node.refresh_from_db(fields=["path", "parent"])
        _parent_fits(node, parent)
        _save(node, parent=parent)
        node.parent = parent
        _replant(node, parent)


def merge(node: Any, into: Any, *, on: date | None = None) -> int:
    """Put `node` into `into` from a day on: posts and sub-units go over, the old one stays below it, retired.

    It stays below the new one so that whoever is in charge there goes on seeing its older records. Posts held on the
    day end the day before and go on at the new place. How many posts went over. Raises Invalid.
    """
    key, word, at = _WORDS[type(node)]
    today = clock.today(node.hospital.zone)
    day = on or today
    if day > today:
        raise _wrong("on", "合并日期不能晚于今天", "请在合并当天办理，或填写今天及以前的日期")
    with transaction.atomic():
        _lock(node.hospital_id)
        node.refresh_from_db(fields=["path", "parent"])
        into.refresh_from_db(fields=["path", "parent", "state"])
        _below(node, into, "into", f"不能并入自己或自己的下级{word}")
        _usable(into, node.hospital_id, "into", word)
        moved = _carry_posts(node, into, at, day)
        for child in type(node).unscoped.filter(parent=node):
            if isinstance(node, PartyOrg):
                _party_ranks(child.kind, into, "into")
            type(node).unscoped.filter(pk=child.pk).update(parent=into, version=F("version") + 1)
            child.parent = into
            _replant(child, into)
        changed: dict[str, Any] = {"parent": into, "state": "retired", "merged_into": into}
        if isinstance(node, PartyOrg):
            changed["dissolved_on"] = day
        _save(node, **changed)
        for name, value in changed.items():
            setattr(node, name, value)
        _replant(node, into)
        tell(key, [into.uid], node.hospital)
    return moved


def retire(node: Any, *, on: date | None = None) -> None:
    """Out of use, history kept. Raises Problem "refused" naming the people or units that are still there."""
    _, word, at = _WORDS[type(node)]
    children = list(type(node).unscoped.filter(parent=node, state="active").values_list("name", flat=True))
    if children:
        raise Problem(
            "refused",
            f"“{node.name}”下面还有{_said(children, '个下级')}，不能停用。",
            409,
            [FieldError("", f"还有下级{word}", f"请先停用、移动或合并这些下级{word}")],
        )
    people = sorted(set(_present(node, at).values_list("person__name", flat=True)))
    if people:
        raise Problem(
            "refused",
            f"“{node.name}”还有 {len(people)} 人任职：{_said(people, '人')}，不能停用。",
            409,
            [FieldError("", "还有人任职", f"请先结束或调整这些任职，或用“合并”把人员一并转到另一个{word}")],
        )
    changed: dict[str, Any] = {"state": "retired"}
    if isinstance(node, PartyOrg):
        changed["dissolved_on"] = on or clock.today(node.hospital.zone)
    _save(node, **changed)
    tell(_WORDS[type(node)][0], [node.uid], node.hospital)


def restore(node: Any) -> None:
    """Back in use. Raises Invalid below a retired parent."""
    word = _WORDS[type(node)][1]
    if node.parent is not None and node.parent.state != "active":
        raise Invalid(
            f"上级“{node.parent.name}”已停用，不能恢复。",
            [FieldError("", f"上级{word}已停用", f"请先恢复上级，或先把它移到在用的{word}下面")],
        )
    changed: dict[str, Any] = {"state": "active", "merged_into": None}
    if isinstance(node, PartyOrg):
        changed["dissolved_on"] = None
    _save(node, **changed)
    tell(_WORDS[type(node)][0], [node.uid], node.hospital)


def segment(name: str, key: str, pk: int) -> str:
    """One level of a `tree_key`: letters and digits of the name's sort key and the id, of fixed width.

    Any collation orders such keys alike. “第二” stands before “第十”, not after it as pinyin would have it.
    """
    counted = _ORDINAL.sub(lambda found: f"第{_count(found[1]):02d}", name)
    text = re.sub(r"[^0-9a-z]", "", sort_key(counted) if counted != name else key)[:_WIDTH]
    number = ""
    while pk:
        pk, rest = divmod(pk, 36)
        number = _DIGITS[rest] + number
    return text.ljust(_WIDTH, "0") + number.rjust(6, "0")


def _count(numeral: str) -> int:
    """A Chinese numeral below a hundred."""
    tens, _, ones = numeral.rpartition("十")
    if "十" not in numeral:
        return _NUMERALS.index(numeral[-1]) + 1
    return (_NUMERALS.index(tens) + 1 if tens else 1) * 10 + (_NUMERALS.index(ones) + 1 if ones else 0)


def _add(model: type[Any], hospital: Hospital, parent: Any, **values: Any) -> Any:
    if parent is not None:
        _usable(parent, hospital.id, "parent", _WORDS[model][1])
        if parent.path.count("/") > MAX_DEPTH:
            raise _wrong("parent", f"层级最多 {MAX_DEPTH} 层", "请选择更高一级的上级")
    values["code"] = values["code"].strip()
    _code_free(model, hospital.id, values["code"])
    with transaction.atomic():
        made = model(hospital=hospital, parent=parent, path="", sort_key=sort_key(values["name"]), **values)
        made.save()
        made.path = f"{parent.path if parent else '/'}{made.id}/"
        made.tree_key = (parent.tree_key if parent else "") + segment(made.name, made.sort_key, made.id)
        model.unscoped.filter(pk=made.pk).update(path=made.path, tree_key=made.tree_key)
        tell(_WORDS[model][0], [made.uid], hospital)
    return made


def _replant(node: Any, parent: Any) -> None:
    """Paths and keys of order of the node and all below it."""
    model = type(node)
    rows = sorted(
        model.unscoped.filter(hospital_id=node.hospital_id, path__startswith=node.path),
        key=lambda row: row.path.count("/"),
    )
    if parent is not None:
        parent.refresh_from_db(fields=["path", "tree_key"])
    deepest = max(row.path.count("/") for row in rows) - node.path.count("/")
    if parent is not None and parent.path.count("/") + deepest > MAX_DEPTH:
        raise _wrong("parent", f"层级最多 {MAX_DEPTH} 层", "请选择更高一级的上级")
    places = {row.pk: row for row in rows}
    for row in rows:
        above = places.get(row.parent_id) if row.pk != node.pk else parent
        row.path = f"{above.path if above else '/'}{row.pk}/"
        row.tree_key = (above.tree_key if above else "") + segment(row.name, row.sort_key, row.pk)
    model.unscoped.bulk_update(rows, ["path", "tree_key"], batch_size=200)
    node.path, node.tree_key = places[node.pk].path, places[node.pk].tree_key
    tell(_WORDS[model][0], [row.uid for row in rows], node.hospital)
    if model is Department:
        people = Post.unscoped.filter(department__in=[row.pk for row in rows]).values_list(
            "person__uid", flat=True
        )
        tell("org.person", list(people), node.hospital)


def _carry_posts(node: Any, into: Any, at: str, day: date) -> int:
    posts = list(
        Post.unscoped.filter(Q(ends_on__isnull=True) | Q(ends_on__gte=day), **{at: node}).select_related(
            "person"
        )
    )
    made = []
    for post in posts:
        if _held_there(post, into, at, day):
            if post.starts_on >= day:
                post.delete()
            else:
                Post.unscoped.filter(pk=post.pk).update(
                    ends_on=day - timedelta(days=1), version=F("version") + 1
                )
            continue
        if post.starts_on >= day:
            Post.unscoped.filter(pk=post.pk).update(**{at: into}, version=F("version") + 1)
            continue
        made.append(split(post, day, **{at: into}))
        Post.unscoped.filter(pk=post.pk).update(ends_on=day - timedelta(days=1), version=F("version") + 1)
    Post.unscoped.bulk_create(made)
    tell("org.post", [post.uid for post in [*posts, *made]], node.hospital)
    tell("org.person", [post.person.uid for post in posts], node.hospital)
    return len(posts)


def _held_there(post: Post, into: Any, at: str, day: date) -> bool:
    """Whether the person holds just this post at the new place already, for as long: it must not be held twice."""
    like = {name: getattr(post, name) for name in ("hospital_id", "person", "role", "title")}
    like |= {
        f"{one}_id": getattr(post, f"{one}_id") for one in ("department", "campus", "party_org") if one != at
    }
    own = Post.unscoped.filter(**like, **{at: into}, starts_on__lte=max(day, post.starts_on))
    lasting = Q(ends_on__isnull=True)
    return own.filter(lasting if post.ends_on is None else lasting | Q(ends_on__gte=post.ends_on)).exists()


def split(post: Post, day: date, **changed: Any) -> Post:
    """An unsaved post that goes on from `day` as `post` was, except for what `changed` names."""
    kept = {
        name: getattr(post, name)
        for name in (
            "hospital_id",
            "person",
            "role",
            "title",
            "department",
            "campus",
            "party_org",
            "source_code",
        )
    }
    return Post(**kept | {"starts_on": day, "ends_on": post.ends_on} | changed)


def _present(node: Any, at: str) -> Any:
    """Posts at the node that are held today or are to come."""
    today = clock.today(node.hospital.zone)
    return Post.unscoped.filter(Q(ends_on__isnull=True) | Q(ends_on__gte=today), **{at: node})


def _parent_fits(node: Any, parent: Any) -> None:
    word = _WORDS[type(node)][1]
    if parent is None:
        if isinstance(node, PartyOrg):
            _party_ranks(node.kind, None)
        return
    parent.refresh_from_db(fields=["path", "state", "tree_key"])
    _below(node, parent, "parent", f"不能移到自己或自己的下级{word}下面")
    _usable(parent, node.hospital_id, "parent", word)
    if isinstance(node, PartyOrg):
        _party_ranks(node.kind, parent)


def _below(node: Any, other: Any, place: str, said: str) -> None:
    if other.path.startswith(node.path):
        raise _wrong(place, said, "请选择另一个")


def _usable(node: Any, hospital_id: int, place: str, word: str) -> None:
    if node.hospital_id != hospital_id:
        raise _wrong(
            place, f"上级{word}不属于本医院" if place == "parent" else f"{word}不属于本医院", "请重新选择"
        )
    if node.state != "active":
        raise _wrong(place, f"“{node.name}”已停用", f"请选择在用的{word}，或先恢复它")


def _same_hospital(thing: Any, hospital: Hospital, place: str, word: str) -> None:
    if thing is not None and thing.hospital_id != hospital.id:
        raise _wrong(place, f"{word}不属于本医院", "请重新选择")


def _party_ranks(kind: str, parent: Any, place: str = "parent") -> None:
    """A committee stands above general branches, these above branches, these above groups; a group is never alone."""
    kinds = dict(PartyOrg.KINDS)
    if parent is None:
        if kind == "group":
            raise _wrong(place, "党小组必须属于一个党支部", "请选择所属的党支部")
        return
    if PARTY_RANKS[parent.kind] >= PARTY_RANKS[kind]:
        raise _wrong(place, f"{kinds[kind]}不能设在{kinds[parent.kind]}下面", "请选择更高一级的党组织")
    if kind == "group" and parent.kind != "branch":
        raise _wrong(place, "党小组只能设在党支部下面", "请选择所属的党支部")


def _code_free(model: type[Any], hospital_id: int, code: str, but: int | None = None) -> None:
    code = code.strip()
    if not code:
        raise _wrong("code", "代码必须填写", "")
    taken = model.unscoped.filter(hospital_id=hospital_id, code=code).exclude(pk=but).first()
    if taken is not None:
        raise _wrong(
            "code", f"代码“{code}”已用于“{taken.name}”", "请换一个代码；如果是同一个，请直接修改原有的"
        )


def _named(node: Any, name: str) -> None:
    if not name.strip():
        raise _wrong("name", "名称必须填写", "")


def _lock(hospital_id: int) -> None:
    Hospital.objects.select_for_update().filter(pk=hospital_id).first()


def _save(node: Any, **changed: Any) -> None:
    """Only these columns; the version is moved on by the gateway for the row that was asked for."""
    type(node).unscoped.filter(pk=node.pk).update(**changed)
    for name, value in changed.items():
        setattr(node, name, value)


def _said(names: list[str], unit: str) -> str:
    shown = "、".join(names[:NAMED])
    return shown if len(names) <= NAMED else f"{shown}等 {len(names)} {unit}"


def _wrong(place: str, said: str, cure: str) -> Problem:
    return Invalid(f"{said}。", [FieldError(f"/values/{place}", said, cure)])
