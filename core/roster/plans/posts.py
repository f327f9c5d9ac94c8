"""Dated posts besides those of plain staff and members: heads, secretaries, offices."""

from typing import Any

from core.org.models import Person, Post
from core.policy.roles import role_label
from core.roster.kinds import NEEDS_DEPARTMENT, NEEDS_PARTY_ORG, ordinary_roles
from core.roster.plans.common import Work, end_post, iso, many_leave, new_post, role_words, set_post
from core.roster.plans.memberships import holder
from core.roster.read.cells import Line


def plan(work: Work) -> None:
    """Compare every row with a post of the same person, role and place, then those that are missing."""
    seen: dict[tuple[Any, ...], Line] = {}
    matched: set[int] = set()
    here = _here(work)
    for line in work.lines.lines:
        person = holder(work, line["number"], line) if line["number"] else None
        places = _places(work, line)
        _check(work, line, person)
        if line.bad or person is None or line["role"] is None:
            continue
        place = (person.pk, line["role"], *places, line["starts_on"])
        first = seen.setdefault(place, line)
        if first is not line:
            work.lines.finding(line, "role", f"与第 {first.row} 行是同一项任职。", "请只保留一行。")
            continue
        _row(work, person, places, line, matched)
    if not work.complete:
        return
    gone = [p for p in here if p.pk not in matched]
    if gone and many_leave(work, len(gone), len(here), "项任职"):
        for post in gone:
            text = f"{role_words(post, work.world)}，不在完整名册中，最后一天 {work.world.eve}"
            key = f"post:{post.uid}"
            old = role_words(post, work.world)
            work.add("left", key, post.person.name, text, [end_post(post, work.world.eve)], old=old)


def _here(work: Work) -> list[Post]:
    """Posts that such a list speaks of and that are held on the day or to come."""
    roles = ordinary_roles()
    held = [p for posts in work.world.open_posts.values() for p in posts if p.role in roles]
    return sorted(held, key=lambda p: p.pk)


def _row(work: Work, person: Person, places: tuple[Any, ...], line: Line, matched: set[int]) -> None:
    world, role = work.world, line["role"]
    department, party_org, campus = places
    mine = [
        p
        for p in world.posts_of.get(person.pk, [])
        if p.role == role
        and (p.department_id, p.party_org_id) == (department, party_org)
        and (campus is None or department is not None or p.campus_id == campus)
    ]
    same_start = [p for p in mine if p.starts_on == line["starts_on"] and p.pk not in matched]
    still = [p for p in mine if (p.ends_on is None or p.ends_on >= world.on) and p.pk not in matched]
    post = next(iter(same_start or still), None)
    number, place = line["number"], role_label(role)
    where = _where(work, department, party_org, campus)
    new = f"{where} {place}".strip()
    if post is None:
        department_campus = world.department_by_id[department].campus_id if department else None
        op = new_post(
            person.pk,
            role,
            number,
            line["starts_on"],
            title=line["title"] or "",
            department_id=department,
            party_org_id=party_org,
            campus_id=department_campus or campus,
            ends_on=iso(line["ends_on"]),
        )
        key = f"post:{number}:{role}:{department or ''}:{party_org or ''}:{campus or ''}:{line['starts_on']}"
        until = f" 至 {line['ends_on']}" if line["ends_on"] else ""
        text = f"工号 {number}，{new}，自 {line['starts_on']}{until}"
        work.add("joined", key, person.name, text, [op], new=new, line=line)
        return
    matched.add(post.pk)
    values: dict[str, Any] = {"starts_on": iso(line["starts_on"])}
    if "title" in line.has:
        values["title"] = line["title"] or ""
    if "ends_on" in line.has:
        values["ends_on"] = iso(line["ends_on"])
    op_or_none = set_post(post, **values)
    if op_or_none is None:
        work.same()
        return
    words = {"starts_on": "任职日期", "title": "职务", "ends_on": "免职日期"}
    said = "；".join(
        f"{words[k]} {op_or_none.before[k] or '无'} 改为 {v or '无'}" for k, v in op_or_none.after.items()
    )
    ended = set(op_or_none.after) == {"ends_on"} and post.ends_on is None
    work.add(
        "left" if ended else "changed",
        f"post:{post.uid}",
        person.name,
        f"工号 {number}，{new}：{said}",
        [op_or_none],
        old=new if ended else "",
        line=line,
    )


def _places(work: Work, line: Line) -> tuple[int | None, int | None, int | None]:
    world, found = work.world, []
    for key, among, what in (
        ("department", world.departments, "科室"),
        ("party_org", world.party_orgs, "党组织"),
        ("campus", world.campuses, "院区"),
    ):
        row = work.look_up(line, key, among, what, {}) if line[key] else None  # type: ignore[arg-type]
        if row is not None and row.state != "active" and line["ends_on"] is None:
            work.lines.finding(line, key, f"{what}“{row.name}”已停用。", f"请改填在用的{what}。")
        found.append(row.pk if row is not None else None)
    return found[0], found[1], found[2]


def _check(work: Work, line: Line, person: Person | None) -> None:
    role, starts, ends = line["role"], line["starts_on"], line["ends_on"]
    if role in NEEDS_DEPARTMENT and not line["department"]:
        work.lines.finding(line, "department", f"“{role_label(role)}”要填科室。", "请填写在哪个科室任职。")
    if role in NEEDS_PARTY_ORG and not line["party_org"]:
        work.lines.finding(line, "party_org", f"“{role_label(role)}”要填党组织。", "请填写在哪个党组织任职。")
    if starts and ends and ends < starts:
        work.lines.finding(line, "ends_on", f"免职日期 {ends} 早于任职日期 {starts}。", "请核对这两个日期。")
    born = person.born_on if person is not None else None
    if starts and born and starts <= born:
        work.lines.finding(
            line, "starts_on", f"任职日期 {starts} 早于出生日期 {born}。", "请核对任职日期，或更正出生日期。"
        )
    opened = work.world.hospital.opened_on
    if starts and opened and starts < opened:
        work.lines.finding(
            line, "starts_on", f"任职日期 {starts} 早于开院日期 {opened}。", "请核对日期，或改正开院日期。"
        )


def _where(work: Work, department: int | None, party_org: int | None, campus: int | None) -> str:
    world = work.world
    if department:
        return world.department_by_id[department].name
    if party_org:
        return world.party_org_by_id[party_org].name
    return world.campus_by_id[campus].name if campus else "全院"
