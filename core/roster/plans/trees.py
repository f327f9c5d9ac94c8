"""Campuses, departments and Party organisations: new, renamed, moved, merged, put out of use; circles are found."""

from dataclasses import dataclass
from typing import Any

from core.kernel.sortkey import sort_key
from core.org.domain.trees import PARTY_RANKS
from core.org.models import PartyOrg, Post
from core.roster.difference import REF, Op
from core.roster.kinds import BASE_ROLES, MEMBER
from core.roster.plans.common import Work, distinct, from_day, iso, many_leave, role_words
from core.roster.plans.memberships import transferred
from core.roster.read.cells import Line


@dataclass(frozen=True)
class Tree:
    """What differs between the two trees."""

    model: str  # department | party_org
    word: str
    column: str  # of posts
    unit: str  # how many of them: 个科室


DEPARTMENT = Tree("department", "科室", "department_id", "个科室")
PARTY_ORG = Tree("party_org", "党组织", "party_org_id", "个党组织")


def plan_campuses(work: Work) -> None:
    """New, renamed, put out of use."""
    rows = distinct(work.lines, "code", "院区代码")
    known = {c.code: c for c in work.world.campuses}
    for code, line in rows.items():
        if line.bad:
            continue
        here = known.get(code)
        if here is None:
            ops = [Op("create", "campus", after={"code": code, "name": line["name"]})]
            work.add("joined", f"campus:{code}", line["name"], f"代码 {code}", ops, line=line)
            continue
        values = {"name": line["name"], "state": "active"}
        op = _set(here, "campus", values)
        if op is None:
            work.same()
        else:
            change = "renamed" if "name" in op.after else "changed"
            text = f"代码 {code}" + ("，恢复使用" if "state" in op.after else "")
            work.add(
                change,
                f"campus:{code}",
                line["name"],
                text,
                [op],
                old=here.name,
                new=line["name"],
                line=line,
            )
    gone = [c for c in known.values() if c.code not in rows and c.state == "active"]
    here_now = sum(c.state == "active" for c in known.values())
    if not work.complete or not gone or not many_leave(work, len(gone), here_now, "个院区"):
        return
    for campus in gone:
        used = [d for d in work.world.departments if d.campus_id == campus.pk and d.state == "active"]
        if used:
            work.lines.finding(
                None,
                "code",
                f"名册里没有院区“{campus.name}”，但它还有 {len(used)} 个在用的科室（{_names(used)}），不能停用。",
                "请把这一行加回名册，或先把科室改到别的院区。",
            )
        else:
            text = f"代码 {campus.code}，不在完整名册中"
            ended = [_set(campus, "campus", {"state": "retired"})]
            work.add("left", f"campus:{campus.code}", campus.name, text, ended)


def plan_departments(work: Work) -> None:
    """The tree of departments."""
    _plan(work, DEPARTMENT, work.world.departments)


def plan_party_orgs(work: Work) -> None:
    """The tree of Party organisations."""
    _plan(work, PARTY_ORG, work.world.party_orgs)


def _plan(work: Work, tree: Tree, here: list[Any]) -> None:
    rows = distinct(work.lines, "code", "代码")
    known = {row.code: row for row in here}
    coming = {code: code for code in rows}
    named: dict[str, list[str]] = {}
    for code, line in rows.items():
        named.setdefault(line["name"] or "", []).append(code)
    coming |= {
        name: codes[0]
        for name, codes in named.items()
        if len(codes) == 1 and name not in coming and not any(r.name == name for r in here)
    }
    parents: dict[str, str | None] = {row.code: _code_of(row.parent_id, here) for row in here}
    targets: dict[str, str] = {}
    for code, line in rows.items():
        for key, kept in (("parent", parents), ("merged_into", targets)):
            if key not in line.has:
                parents.setdefault(code, None)
                continue
            if line[key] is None:
                if key == "parent" and not line["merged_into"]:
                    kept[code] = None  # type: ignore[assignment]
                continue
            found = work.look_up(line, key, here, tree.word, coming)
            if found is not None:
                kept[code] = found if isinstance(found, str) else found.code
    merges = {code: into for code, into in targets.items() if not rows[code].bad}
    _check_merges(work, tree, rows, known, merges)
    for code in merges:
        parents[code] = merges[code]
    for row in here:  # what hangs below a merged one follows it, unless the list says otherwise
        above = parents.get(row.code)
        if (
            above in merges
            and row.code not in merges
            and (row.code not in rows or not rows[row.code]["parent"])
        ):
            parents[row.code] = merges[above]
    _check_parents(work, tree, rows, known, parents, merges)
    for code, line in rows.items():
        if line.bad:
            continue
        if code in merges:
            _merge(work, tree, known, code, merges[code], line)
        elif code in known:
            _change(work, tree, known, code, parents.get(code), line)
        else:
            _make(work, tree, known, code, parents.get(code), line)
    _moved_along(work, tree, known, rows, parents)
    if work.complete:
        _gone(work, tree, here, rows, parents)


def _make(work: Work, tree: Tree, known: dict[str, Any], code: str, parent: str | None, line: Line) -> None:
    after = _values(work, tree, line, None)
    after |= {
        "code": code,
        "name": line["name"],
        "sort_key": sort_key(line["name"], 200),
        "parent_id": _ref(tree, known, parent),
    }
    if tree is DEPARTMENT and "campus" not in line.has and parent in known:
        after["campus_id"] = known[parent].campus_id
    op = Op("create", tree.model, ref=f"{REF}{tree.model}:{code}", after=after)
    above = _name(known, parent, work)
    text = f"代码 {code}，{f'设在{above}下' if above else '直属医院'}"
    work.add("joined", f"{tree.model}:{code}", line["name"], text, [op], new=above, line=line)


def _change(work: Work, tree: Tree, known: dict[str, Any], code: str, parent: str | None, line: Line) -> None:
    row = known[code]
    values = _values(work, tree, line, row)
    said = []
    change = "changed"
    if row.state != "active":
        values |= {"state": "active", "merged_into_id": None}
        said.append("恢复使用")
    if line["name"] != row.name:
        values |= {"name": line["name"], "sort_key": sort_key(line["name"], 200)}
        said.append(f"{row.name} 改名为 {line['name']}")
        change = "renamed"
    old, new = (row.name, line["name"]) if change == "renamed" else ("", "")
    was = _code_of(row.parent_id, list(known.values()))
    if parent != was:
        values["parent_id"] = _ref(tree, known, parent)
        above, below = _name(known, was, work), _name(known, parent, work)
        said.insert(0, f"由{above or '直属医院'}改到{below or '直属医院'}")
        change, old, new = "moved", above, below
    op = _set(row, tree.model, values)
    if op is None:
        work.same()
        return
    labels = {"campus_id": "院区", "kind": "类别", "peer_group": "同类组", "formed_on": "成立日期"}
    said += [f"{labels[key]}有变" for key in op.after if key in labels]
    ops = [op, *_campus_posts(work, row, op)]
    work.add(
        change,
        f"{tree.model}:{code}",
        line["name"],
        f"代码 {code}：{'；'.join(said)}",
        ops,
        old=old,
        new=new,
        line=line,
    )


def _merge(work: Work, tree: Tree, known: dict[str, Any], code: str, into: str, line: Line) -> None:
    """The old one goes below the new one, out of use; posts go over on the day."""
    world, row = work.world, known[code]
    target = known.get(into)
    if row.state != "active" and target is not None and row.merged_into_id == target.pk:
        work.same()
        return
    place = target.pk if target is not None else f"{REF}{tree.model}:{into}"
    values: dict[str, Any] = {"state": "retired", "parent_id": place, "merged_into_id": place}
    if tree is PARTY_ORG:
        values["dissolved_on"] = iso(world.on)
    ops: list[Op | None] = [_set(row, tree.model, values)]
    posts = [p for held in world.open_posts.values() for p in held if getattr(p, tree.column) == row.pk]
    plain = [p for p in posts if p.role in (*BASE_ROLES, MEMBER)]
    offices = [p for p in posts if p not in plain]
    if offices:
        roles = "、".join(f"{p.person.name}（{role_words(p, world)}）" for p in offices[:6])
        answer = work.ask(
            f"merge:{code}",
            f"{row.name} 并入 {_name(known, into, work)}：{roles}{'等' if len(offices) > 6 else ''}的任职怎么办？",
            [("end", "随原单位一并结束"), ("move", "转到并入的单位继续担任")],
        )
        if answer == "end":
            from core.roster.plans.common import end_post

            ops += [end_post(p, world.eve) for p in offices]
        elif answer == "move":
            plain += offices
    changed: dict[str, Any] = {tree.column: place}
    if tree is DEPARTMENT and target is not None:
        changed["campus_id"] = target.campus_id
    for post in plain:
        ops += from_day(post, world, **changed)
    moved = len(plain)
    if tree is PARTY_ORG:
        for membership in world.memberships.values():
            if membership.party_org_id == row.pk:
                ops += transferred(membership, world.on, place)
    name = _name(known, into, work)
    text = f"代码 {code} 并入 {into}，{moved} 项任职转入" if moved else f"代码 {code} 并入 {into}"
    work.add("merged", f"{tree.model}:{code}", row.name, text, ops, old=row.name, new=name, line=line)


def _moved_along(
    work: Work, tree: Tree, known: dict[str, Any], rows: dict[str, Line], parents: dict[str, str | None]
) -> None:
    """Units below a merged one that the list does not name."""
    for code, row in known.items():
        was = _code_of(row.parent_id, list(known.values()))
        if code not in rows and parents.get(code) != was:
            ops = [_set(row, tree.model, {"parent_id": _ref(tree, known, parents[code])})]
            name = _name(known, parents[code], work)
            work.add(
                "moved",
                f"{tree.model}:{code}",
                row.name,
                f"随上级改到{name}",
                ops,
                old=_name(known, was, work),
                new=name,
            )


def _gone(
    work: Work, tree: Tree, here: list[Any], rows: dict[str, Line], parents: dict[str, str | None]
) -> None:
    active = [row for row in here if row.state == "active"]
    gone = [row for row in active if row.code not in rows]
    if not gone or not many_leave(work, len(gone), len(active), tree.unit):
        return
    leaving = {row.code for row in gone}
    for row in gone:
        posts = [
            p for held in work.world.open_posts.values() for p in held if getattr(p, tree.column) == row.pk
        ]
        below = [r for r in active if parents.get(r.code) == row.code and r.code not in leaving]
        below += [line for code, line in rows.items() if parents.get(code) == row.code and code not in {r.code for r in here}]  # type: ignore[misc]  # fmt: skip
        if posts or below:
            why = f"还有 {len(posts)} 项任职" if posts else f"还有 {len(below)} 个下级"
            work.lines.finding(
                None,
                "code",
                f"名册里没有“{row.name}”（代码 {row.code}），但它{why}，不能撤销。",
                "请把这一行加回名册；如果已合并，请填写“并入”；如果撤销，请先调走人员和下级。",
            )
            continue
        values: dict[str, Any] = {"state": "retired"}
        if tree is PARTY_ORG:
            values["dissolved_on"] = iso(work.world.on)
        text = f"代码 {row.code}，不在完整名册中"
        work.add("left", f"{tree.model}:{row.code}", row.name, text, [_set(row, tree.model, values)])


def _check_merges(
    work: Work, tree: Tree, rows: dict[str, Line], known: dict[str, Any], merges: dict[str, str]
) -> None:
    for code, into in list(merges.items()):
        line = rows[code]
        said = ""
        if code not in known:
            said, cure = f"“{line['name']}”还不在系统里，不能并入别处。", "请去掉“并入”，或删去这一行。"
        elif into == code:
            said, cure = "不能并入自己。", f"请填写另一个{tree.word}的代码或名称。"
        elif into in merges:
            said, cure = (
                f"要并入的“{into}”在这份名册里自己也被并入别处。",
                f"请直接填写最后并入的{tree.word}。",
            )
        elif into in known and known[into].state != "active" and into not in rows:
            said, cure = f"要并入的“{known[into].name}”已停用。", f"请填写在用的{tree.word}。"
        elif into in known and known[into].path.startswith(known[code].path):
            said, cure = f"不能并入自己的下级“{known[into].name}”。", "请先把下级移到别处，或反过来并入。"
        if said:
            work.lines.finding(line, "merged_into", said, cure)
            del merges[code]


def _check_parents(
    work: Work,
    tree: Tree,
    rows: dict[str, Line],
    known: dict[str, Any],
    parents: dict[str, str | None],
    merges: dict[str, str],
) -> None:
    for code, line in rows.items():
        parent = parents.get(code)
        if code in merges or parent is None:
            if tree is PARTY_ORG and code not in merges:
                _rank(work, line, None)
            continue
        if parent == code:
            work.lines.finding(
                line, "parent", f"上级{tree.word}是它自己。", "请填写真正的上级，或留空表示直属医院。"
            )
            continue
        circle = _circle(code, parents)
        if circle:
            way = " → ".join([*circle, circle[0]])
            work.lines.finding(
                line,
                "parent",
                f"上级{tree.word}绕成了一圈：{way}。",
                "请改正其中一行的上级，使它通到最高一级。",
            )
            continue
        if parent in known and parent not in rows and known[parent].state != "active":
            work.lines.finding(
                line, "parent", f"上级“{known[parent].name}”已停用。", f"请填写在用的{tree.word}。"
            )
        if tree is PARTY_ORG:
            above = (
                rows[parent]["kind"] if parent in rows else known[parent].kind if parent in known else None
            )
            _rank(work, line, above)


def _rank(work: Work, line: Line, above: str | None) -> None:
    kinds, kind = dict(PartyOrg.KINDS), line["kind"]
    if kind is None:
        return
    if above is None:
        if kind == "group":
            work.lines.finding(line, "parent", "党小组必须属于一个党支部。", "请填写所属的党支部。")
    elif PARTY_RANKS[above] >= PARTY_RANKS[kind] or (kind == "group" and above != "branch"):
        work.lines.finding(line, "parent", f"{kinds[kind]}不能设在{kinds[above]}下面。", "请核对上级和类别。")


def _circle(code: str, parents: dict[str, str | None]) -> list[str]:
    """The codes of the circle that `code` itself lies on, or none."""
    way, at = [code], parents.get(code)
    while at is not None and at not in way:
        way.append(at)
        at = parents.get(at)
    return way if at == code else []


def _values(work: Work, tree: Tree, line: Line, row: Any) -> dict[str, Any]:
    """The columns besides name and parent that the list carries."""
    values: dict[str, Any] = {}
    if tree is PARTY_ORG:
        if line["kind"]:
            values["kind"] = line["kind"]
        if "formed_on" in line.has and (line["formed_on"] or row is None):
            values["formed_on"] = iso(line["formed_on"])
        return values
    if line["kind"] or row is None:
        values["kind"] = line["kind"] or "clinical"
    if "peer_group" in line.has:
        values["peer_group"] = line["peer_group"] or ""
        groups = work.world.hospital.peer_groups
        if groups and values["peer_group"] and values["peer_group"] not in groups:
            work.lines.finding(
                line,
                "peer_group",
                f"没有名为“{values['peer_group']}”的同类组。",
                f"请改成下列之一：{'、'.join(groups)}；或先在医院资料中添加。",
            )
    if "campus" in line.has:
        campus = work.look_up(line, "campus", work.world.campuses, "院区", {}) if line["campus"] else None
        values["campus_id"] = campus.pk if campus is not None else None
    return values


def _campus_posts(work: Work, row: Any, op: Op) -> list[Op | None]:
    """Open posts follow their department to its new campus."""
    if "campus_id" not in op.after:
        return []
    held: list[Post] = [p for posts in work.world.open_posts.values() for p in posts]
    return [
        Op(
            "update",
            "post",
            pk=p.pk,
            before={"campus_id": p.campus_id},
            after={"campus_id": op.after["campus_id"]},
        )
        for p in held
        if p.department_id == row.pk and p.campus_id == row.campus_id
    ]


def _set(row: Any, model: str, values: dict[str, Any]) -> Op | None:
    now = {key: _json(getattr(row, key)) for key in values}
    changed = {key: value for key, value in values.items() if now[key] != value}
    if not changed:
        return None
    return Op("update", model, pk=row.pk, before={key: now[key] for key in changed}, after=changed)


def _json(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def _code_of(pk: int | None, rows: list[Any]) -> str | None:
    return next((row.code for row in rows if row.pk == pk), None) if pk else None


def _ref(tree: Tree, known: dict[str, Any], code: str | None) -> Any:
    if code is None:
        return None
    return known[code].pk if code in known else f"{REF}{tree.model}:{code}"


def _name(known: dict[str, Any], code: str | None, work: Work) -> str:
    if code is None:
        return ""
    if code in known:
        return str(known[code].name)
    return next((str(li["name"]) for li in work.lines.lines if li["code"] == code), code)


def _names(rows: list[Any]) -> str:
    shown = "、".join(row.name for row in rows[:5])
    return shown if len(rows) <= 5 else f"{shown}等"
