"""People of the hospital: who joined, left, moved, was renamed; who is who by staff number first."""

from collections import defaultdict
from datetime import date
from typing import Any

from core.kernel.sortkey import sort_key
from core.org.models import Department, Person, Post
from core.roster.difference import REF, Op
from core.roster.kinds import BASE_ROLES, GUARDED_ROLES
from core.roster.plans.common import (
    Work,
    distinct,
    end_post,
    from_day,
    iso,
    many_leave,
    new_post,
    new_roll,
    role_words,
    set_post,
    set_roll,
)
from core.roster.read.cells import Line

#: Nobody works before this age, years.
YOUNGEST = 15


def plan(work: Work) -> None:
    """Compare every row with the person of that number, then those who are missing."""
    rows = distinct(work.lines, "number", "工号")
    _namesakes_in_file(work, rows)
    for number, line in rows.items():
        _row(work, rows, number, line)
    if work.complete:
        _missing(work, rows)


def leave(
    work: Work, person: Person, number: str, last: date, line: Line | None, why: str, *, freed: bool = False
) -> None:
    """All posts and the place on the roll end on `last`; a post that the security administrator gave is asked about.

    `freed`: the number goes to somebody else, so the roll keeps it for this person no longer.
    """
    world, posts = work.world, work.world.open_posts.get(person.pk, [])
    guarded = [p for p in posts if p.role in GUARDED_ROLES and end_post(p, last) is not None]
    ending = [p for p in posts if p not in guarded]
    if guarded:
        roles = "、".join(role_words(p, world) for p in guarded)
        answer = work.ask(
            f"guarded:{number}",
            f"{person.name}（工号 {number}）离开，同时担任{roles}。这些任职一并结束吗？",
            [("end", "一并结束"), ("keep", "保留，由安全管理员处理")],
        )
        if answer == "end":
            ending = posts
    ops: list[Op | None] = [end_post(post, last) for post in ending]
    there = world.roll.get(person.pk)
    if there is not None and (there.left_on is None or there.left_on > last):
        left = max(last, there.joined_on)
        ops.append(set_roll(there, left_on=left.isoformat(), **({"number": ""} if freed else {})))
    elif there is not None and freed:
        ops.append(set_roll(there, number=""))
    membership = world.memberships.get(person.pk)
    if membership is not None:
        ops.append(
            Op(
                "update",
                "membership",
                pk=membership.pk,
                before={"left_on": None},
                after={"left_on": max(last, membership.since_on).isoformat()},
            )
        )
    if any(op is not None for op in ops):
        base = world.base_post(person.pk)
        work.add(
            "left",
            f"staff:{number}:left" if freed else f"staff:{number}",
            person.name,
            f"工号 {number}，{why}，最后在职日 {last}；结束 {len([p for p in ending if end_post(p, last)])} 项任职",
            ops,
            old=world.department_name(base.department_id if base else None),
            line=line,
        )
    else:
        work.same()


def _row(work: Work, rows: dict[str, Line], number: str, line: Line) -> None:
    world = work.world
    person = world.people.get(number)
    _check_dates(work, line, person)
    department = (
        work.look_up(line, "department", world.departments, "科室", {}) if line["department"] else None
    )
    if isinstance(department, Department) and department.state != "active":
        work.lines.finding(
            line,
            "department",
            f"科室“{department.name}”已停用。",
            "请改填在用的科室；合并后的科室请填并入的科室。",
        )
    if person is None:
        _lost_zeros(work, number, line)
    if line.bad or department is None:
        return
    if person is None:
        same = _same_person(work, rows, number, line)
        if same == "?":
            return
        if isinstance(same, Person):
            _renumbered(work, same, number, line, department)
            return
        _join(work, None, number, line, department)
        return
    if line["name"] != person.name:
        answer = work.ask(
            f"name:{number}",
            f"第 {line.row} 行：工号 {number} 现在是“{person.name}”，名册里是“{line['name']}”。",
            [
                ("rename", f"同一人改了名：{person.name} 改为 {line['name']}"),
                ("other", f"换了人：{person.name} 已离开，{line['name']} 是新来的"),
            ],
        )
        if answer == "other":
            leave(work, person, number, world.eve, line, "工号改由他人使用", freed=True)
            _join(work, None, number, line, department)
            return
        if answer is None:
            return
    _compare(work, person, number, line, department)


def _compare(work: Work, person: Person, number: str, line: Line, department: Department) -> None:
    world = work.world
    posts = world.open_posts.get(person.pk, [])
    if line["left_on"] is not None and line["left_on"] < world.on:
        if world.is_here(person.pk):
            leave(work, person, number, line["left_on"], line, "名册上填有离职日期")
        else:
            work.same()
        return
    if not world.is_here(person.pk):
        _join(work, person, number, line, department)
        return
    ops: list[Op | None] = []
    said: list[str] = []
    change, old, new = "", "", ""
    if line["left_on"] is not None:
        leave(work, person, number, line["left_on"], line, "名册上填有离职日期")
        return
    base = world.base_post(person.pk)
    title, role = line["title"] or "", line["category"] or (base.role if base else "staff")
    if base is None:
        if not any(p.department_id == department.pk for p in posts):
            ops.append(
                new_post(
                    person.pk,
                    role,
                    number,
                    world.on,
                    title=title,
                    department_id=department.pk,
                    campus_id=department.campus_id,
                )
            )
            said.append(f"补登为{department.name}的人员")
            change, new = "changed", department.name
    else:
        values: dict[str, Any] = {}
        if "title" in line.has and title != base.title:
            values["title"] = title
            said.append(f"职务 {base.title or '无'} 改为 {title or '无'}")
            change, old, new = "changed", base.title, title
        if base.department_id != department.pk:
            values |= {"department_id": department.pk, "campus_id": department.campus_id}
            change, old, new = "moved", world.department_name(base.department_id), department.name
            said.insert(0, f"{old or '未填科室'} 调到 {new}")
        if role != base.role:
            values["role"] = role
            said.append(f"人员类别改为{'医师' if role == 'doctor' else '职工'}")
            change = change or "changed"
        if set(values) == {"title"}:
            ops.append(set_post(base, **values))
        elif values:
            ops += from_day(base, world, **values)
        if change == "moved":
            ops += _left_behind(work, person, number, base)
    if line["name"] != person.name:
        ops.append(_rename(person, line["name"]))
        said.append(f"姓名 {person.name} 改为 {line['name']}")
        if change != "moved":
            change, old, new = "renamed", person.name, line["name"]
    more, ops_more = _roll_and_birth(work, person, number, line)
    said += more
    ops += ops_more
    change = change or "changed"
    if not said:
        work.same()
        return
    work.add(
        change,
        f"staff:{number}",
        line["name"],
        f"工号 {number}：{'；'.join(said)}",
        ops,
        old=old,
        new=new,
        line=line,
    )


def _roll_and_birth(work: Work, person: Person, number: str, line: Line) -> tuple[list[str], list[Op | None]]:
    """What the roll and the person's row still lack: said, and the rows to write."""
    said: list[str] = []
    ops: list[Op | None] = []
    there = work.world.roll.get(person.pk)
    if there is None:
        first = line["joined_on"] or min(p.starts_on for p in work.world.open_posts[person.pk])
        ops.append(new_roll(person.pk, number, first))
        said.append("补登在册")
    else:
        values: dict[str, Any] = {"number": number} if there.number != number else {}
        if line["joined_on"] and line["joined_on"] != there.joined_on:
            values["joined_on"] = line["joined_on"].isoformat()
            said.append(f"入职日期 {there.joined_on} 改为 {line['joined_on']}")
        if there.number != number:
            said.append("补登工号")
        ops.append(set_roll(there, **values))
    if line["born_on"] and line["born_on"] != person.born_on:
        before = {"born_on": iso(person.born_on)}
        ops.append(
            Op("update", "person", pk=person.pk, before=before, after={"born_on": iso(line["born_on"])})
        )
        said.append("更正出生日期" if person.born_on else "补登出生日期")
    return said, ops


def _left_behind(work: Work, person: Person, number: str, base: Post) -> list[Op | None]:
    """Posts still held in the department a person leaves: a person decides."""
    world = work.world
    others = [
        p
        for p in world.open_posts[person.pk]
        if p.department_id == base.department_id
        and p.pk != base.pk
        and p.role not in GUARDED_ROLES
        and p.role not in BASE_ROLES
    ]
    if not others:
        return []
    roles = "、".join(role_words(p, world) for p in others)
    answer = work.ask(
        f"stay:{number}",
        f"{person.name}（工号 {number}）调离 {world.department_name(base.department_id)}，还担任{roles}。怎么办？",
        [("end", "一并结束"), ("keep", "继续担任")],
    )
    return [end_post(p, world.eve) for p in others] if answer == "end" else []


def _join(work: Work, person: Person | None, number: str, line: Line, department: Department) -> None:
    world = work.world
    if line["left_on"] is not None and line["left_on"] < world.on:
        if person is None:
            work.lines.finding(
                line,
                "left_on",
                "这一行的人已经离职，系统里也没有，跳过。",
                "如需保留历史任职，请另行登记。",
                severity="warning",
            )
        work.same()
        return
    began = line["joined_on"] or world.on
    back = person is not None
    if person is not None:
        there = world.roll.get(person.pk)
        ended = [p.ends_on for p in world.posts_of.get(person.pk, []) if p.ends_on]
        ended += [there.left_on] if there is not None and there.left_on else []
        if ended and began <= max(ended):
            began = world.on
    ops: list[Op | None] = []
    holder: int | str
    if person is None:
        ref = f"{REF}person:{number}"
        after = {
            "name": line["name"],
            "sort_key": sort_key(line["name"], 200),
            "born_on": iso(line["born_on"]),
        }
        ops.append(Op("create", "person", ref=ref, after=after))
        holder = ref
    else:
        holder = person.pk
        if line["name"] != person.name:
            ops.append(_rename(person, line["name"]))
    there = world.roll.get(person.pk) if person is not None else None
    if there is None:
        ops.append(new_roll(holder, number, began, iso(line["left_on"])))
    else:
        ops.append(set_roll(there, number=number, joined_on=iso(began), left_on=iso(line["left_on"])))
    ops.append(
        new_post(
            holder,
            line["category"] or "staff",
            number,
            began,
            title=line["title"] or "",
            department_id=department.pk,
            campus_id=department.campus_id,
            ends_on=iso(line["left_on"]),
        )
    )
    text = f"工号 {number}，{'重新入职' if back else '入职'}，自 {began}"
    work.add("joined", f"staff:{number}", line["name"], text, ops, new=department.name, line=line)


def _renumbered(work: Work, person: Person, number: str, line: Line, department: Department) -> None:
    """The same person under a new number: from the day on; what was before keeps the former number."""
    world = work.world
    posts = world.open_posts.get(person.pk, [])
    if str(person.uid) in work.taken:
        work.lines.finding(
            line, "number", f"另一行也答为现有的 {person.name}。", "同一个人只能对应一行，请重新选择。"
        )
        return
    work.taken.add(str(person.uid))
    if not posts:
        _join(work, person, number, line, department)
        return
    former = world.numbers.get(person.pk, "")
    ops: list[Op | None] = []
    said = [f"工号 {former or '无'} 改为 {number}"]
    there = world.roll.get(person.pk)
    ops.append(set_roll(there, number=number) if there else new_roll(person.pk, number, posts[0].starts_on))
    base = world.base_post(person.pk)
    for post in posts:
        values: dict[str, Any] = {"source_code": number}
        if base is not None and post.pk == base.pk:
            if post.department_id != department.pk:
                values |= {"department_id": department.pk, "campus_id": department.campus_id}
                said.append(f"{world.department_name(post.department_id)} 调到 {department.name}")
            if line["category"]:
                values["role"] = line["category"]
            if "title" in line.has:
                values["title"] = line["title"] or ""
        ops += from_day(post, world, **values)
    work.add(
        "changed",
        f"staff:{number}",
        person.name,
        "；".join(said),
        ops,
        old=former,
        new=number,
        line=line,
    )


def _same_person(work: Work, rows: dict[str, Line], number: str, line: Line) -> Person | str | None:
    """A namesake who is the same person, None for a newcomer, "?" while nobody has decided."""
    world = work.world
    others = [p for p in world.namesakes.get(line["name"], []) if world.numbers.get(p.pk, "") not in rows]
    if not others:
        return None
    options = [("new", f"另一个人：新建 {line['name']}")]
    for other in others[:8]:
        held = world.open_posts.get(other.pk, [])
        where = world.department_name(held[-1].department_id) if held else "已离开"
        code = world.numbers.get(other.pk, "")
        options.append(
            (
                str(other.uid),
                f"同一个人：现有 {other.name}（{f'工号 {code}，' if code else ''}{where or '在职'}）",
            )
        )
    answer = work.ask(
        f"same:{number}",
        f"第 {line.row} 行“{line['name']}”（工号 {number}）是新工号，本院已有同名的人。是同一个人吗？",
        options,
    )
    if answer is None:
        return "?"
    return next((p for p in others if str(p.uid) == answer), None)


def _missing(work: Work, rows: dict[str, Line]) -> None:
    here = work.world.staff_numbers
    claimed = {work.answers.get(f"same:{number}") for number in rows}
    gone = [(n, p) for n, p in here.items() if n not in rows and str(p.uid) not in claimed]
    if gone and many_leave(work, len(gone), len(here), "人"):
        for number, person in sorted(gone):
            leave(work, person, number, work.world.eve, None, "不在完整名册中")


def _check_dates(work: Work, line: Line, person: Person | None) -> None:
    joined, left, born = line["joined_on"], line["left_on"], line["born_on"]
    born = born or (person.born_on if person is not None else None)
    opened = work.world.hospital.opened_on
    if born and joined:
        if joined <= born:
            work.lines.finding(
                line, "joined_on", f"入职日期 {joined} 早于出生日期 {born}。", "请核对这两个日期。"
            )
        elif joined.year - born.year < YOUNGEST:
            work.lines.finding(
                line,
                "joined_on",
                f"入职时不满 {YOUNGEST} 岁。",
                "请核对入职日期和出生日期。",
                severity="warning",
            )
    if born and born > work.world.on:
        work.lines.finding(line, "born_on", f"出生日期 {born} 在将来。", "请核对年份。")
    if joined and opened and joined < opened:
        work.lines.finding(
            line,
            "joined_on",
            f"入职日期 {joined} 早于开院日期 {opened}。",
            "请核对日期，或在医院资料中改正开院日期。",
        )
    if joined and left and left < joined:
        work.lines.finding(line, "left_on", f"离职日期 {left} 早于入职日期 {joined}。", "请核对这两个日期。")


def _lost_zeros(work: Work, number: str, line: Line) -> None:
    if number.isdigit() and number not in work.world.people:
        bare = number.lstrip("0")
        alike = [n for n in work.world.people if n.isdigit() and n != number and n.lstrip("0") == bare]
        if alike and len(alike[0]) > len(number):
            work.lines.finding(
                line,
                "number",
                f"工号“{number}”可能丢了前面的 0：现有“{alike[0]}”。",
                "请把工号列设为文本格式，补上前面的 0。",
            )


def _namesakes_in_file(work: Work, rows: dict[str, Line]) -> None:
    by_name: dict[str, list[Line]] = defaultdict(list)
    for line in rows.values():
        if line["name"]:
            by_name[line["name"]].append(line)
    for name, lines in by_name.items():
        if len(lines) > 1 and any(work.world.people.get(li["number"]) is None for li in lines):
            numbers = "、".join(str(li["number"]) for li in lines[:5])
            work.lines.finding(
                lines[1],
                "name",
                f"有 {len(lines)} 人同名“{name}”（工号 {numbers}），按工号分为不同的人。",
                "如果其实是同一个人，请只保留一行。",
                severity="warning",
                count=len(lines),
            )


def _rename(person: Person, name: str) -> Op:
    return Op(
        "update",
        "person",
        pk=person.pk,
        before={"name": person.name, "sort_key": person.sort_key},
        after={"name": name, "sort_key": sort_key(name, 200)},
    )
