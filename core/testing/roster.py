"""Who works in a demonstration hospital: a list made from layout and seed alone, before anything is written."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from pypinyin import lazy_pinyin

from core.testing.layout import WRITERS, Layout, Unit

#: Titles of those without a role of their own, by kind of department.
TITLES = {
    "clinical": ("护士", "护师", "主管护师", "住院医师", "护士"),
    "technical": ("技师", "主管技师", "技士"),
    "function": ("科员", "主办", "助理"),
    "other": ("科员",),
}
DOCTOR_TITLES = ("主任医师", "副主任医师", "主治医师", "主治医师", "住院医师")
OFFICE_TITLES = {
    "hospital_admin": "医院管理员",
    "inspector": "纪检监察员",
    "ethics_office": "行风专员",
    "pharmacy": "药学部干事",
    "supplies": "设备耗材管理员",
    "leader": "副院长",
    "party_office": "党务干事",
    "branch_secretary": "党支部书记",
    "member": "党员",
    "staff": "护士",
    "department_head": "科主任",
    "editor": "宣传干事",
    "reviewer": "宣传负责人",
    "correspondent": "通讯员",
    "applicant": "入党积极分子",
    "masses": "护士",
    "branch_committee": "组织委员",
    "review_pharmacist": "点评药师",
    "drug_expert": "药事专家",
    "supervisor": "监督专员",
    "system_admin": "系统管理员",
    "security_admin": "安全管理员",
    "audit_admin": "审计管理员",
    "bureau": "卫健局联络员",
}
NEWCOMER_STARTS = date(2025, 5, 6)
#: How the head of a department is called, by its kind.
HEAD_TITLES = {"clinical": "科主任", "technical": "主任", "function": "科长"}
#: Branches that grow to seven members and more, and so have a committee.
LARGER = 20
#: Posts that make somebody a Party member.
PARTY_MEMBERS = frozenset({"member", "branch_secretary", "branch_committee"})
#: Roles whose post lies in a Party branch.
IN_BRANCH = frozenset({"member", "branch_secretary", "branch_committee", "applicant"})


@dataclass(frozen=True)
class Held:
    """One post."""

    role: str
    title: str
    starts_on: date
    department: str = ""
    party: str = ""
    ends_on: date | None = None


@dataclass(frozen=True)
class Entry:
    """One person: staff number, name, posts, and the username ending where there is an account."""

    number: str
    name: str
    posts: tuple[Held, ...]
    account: str = ""


def roster(layout: Layout, names: Iterator[str], seed: int) -> list[Entry]:
    """Everybody of the hospital in order of staff number: accounts, heads, doctors with lines, then all others."""
    dice = random.Random(f"{seed}:{layout.slug}")
    branches = [name for kind, name, _ in layout.party if kind == "branch"]
    drawn = [] if layout.members else branches  # with a number of members given, they are dealt at the end
    units = [unit for unit in layout.units if unit.kind != "other"]
    known = {unit.name for unit in layout.units}
    held: list[tuple[tuple[Held, ...], str]] = []
    for role, department, ending in layout.accounts:
        held.append(((_account_post(role, department, known, branches, dice),), ending))
    for department in layout.heads:
        post = Held("department_head", "科主任", _started(dice, 2012, 2019), department)
        held.append(((post,), f"head-{_pinyin(department)}"))
    for unit in units:
        if unit.peers:
            held += [(_doctor(unit, layout, n, drawn, dice), "") for n in range(_doctors(unit, layout))]
    for n in range(max(0, layout.staff - len(held) - WRITERS)):
        held.append((_other(units[n % len(units)], units, drawn, dice), ""))
    for role, department in layout.later:
        ending = role if role in ("editor", "reviewer") else role.replace("_", "-")
        held.append(((_account_post(role, department, known, branches, dice),), ending))
    if layout.headless is not None:
        held = _with_heads(held, layout)
    if layout.members:
        held = _with_members(held, layout, seed)
    held += [((), "")] * layout.unposted
    return [
        Entry(f"{layout.prefix}{n:05d}", next(names), posts, account)
        for n, (posts, account) in enumerate(held, start=1)
    ]


def doctors(layout: Layout, entries: list[Entry]) -> dict[str, list[str]]:
    """Department → staff numbers of the doctors who write its lines; a newcomer stands last."""
    found: dict[str, list[str]] = {unit.name: [] for unit in layout.units if unit.peers}
    for entry in entries:
        if not entry.posts:
            continue
        post = entry.posts[0]
        if post.role == "doctor" and not entry.account:
            found[post.department].append(entry.number)
    return found


def _account_post(
    role: str, department: str, known: set[str], branches: list[str], dice: random.Random
) -> Held:
    party = branches[0] if role in IN_BRANCH else ""
    title = OFFICE_TITLES.get(role, "主治医师")
    return Held(role, title, _started(dice, 2014, 2022), department if department in known else "", party)


_Line = tuple[tuple[Held, ...], str]


def _with_heads(held: list[_Line], layout: Layout) -> list[_Line]:
    """One of the people of each department without an account holder in charge becomes its head as well."""
    above = {unit.name: unit.parent for unit in layout.units}
    wanted = {
        unit.name
        for unit in layout.units
        if unit.kind != "other"
        and unit.name not in (layout.headless or ())
        and not {unit.name, above[unit.name]} & set(layout.heads)
    }
    found = []
    for posts, account in held:
        place = posts[0].department
        if place in wanted and not account and posts[0].ends_on is None and posts[0].starts_on.year < 2022:
            wanted.discard(place)
            title = HEAD_TITLES.get(next(u.kind for u in layout.units if u.name == place), "科主任")
            posts = (*posts, Held("department_head", title, date(2022, 1, 1), place))
        found.append((posts, account))
    return found


def _with_members(held: list[_Line], layout: Layout, seed: int) -> list[_Line]:
    """Exactly so many Party members, dealt to the branches in turn; each branch has a secretary, larger ones a committee."""
    dice = random.Random(f"{seed}:{layout.slug}:party")
    branches = [name for kind, name, _ in layout.party if kind == "branch"]
    there = [n for n, (posts, _) in enumerate(held) if any(p.role in PARTY_MEMBERS for p in posts)]
    free = [n for n, (posts, account) in enumerate(held) if n not in set(there) and not account]
    found = list(held)
    for turn, n in enumerate(sorted(dice.sample(free, layout.members - len(there)))):
        branch = branches[_branch_of(turn, len(branches))]
        posts, account = found[n]
        since = date(dice.randint(2000, 2021), dice.randint(1, 12), dice.choice((1, 15)))
        posts = (*posts, Held("member", "党员", since, party=branch))
        place = turn // len(branches)
        if place == 0 and turn > 0:  # the secretary of the first branch has an account
            posts = (*posts, Held("branch_secretary", "党支部书记", date(2023, 3, 1), party=branch))
        if place in (1, 2) and turn % len(branches) < LARGER:
            title = "组织委员" if place == 1 else "宣传委员"
            posts = (*posts, Held("branch_committee", title, date(2023, 3, 1), party=branch))
        found[n] = (posts, account)
    return found


def _branch_of(turn: int, branches: int) -> int:
    """Five rounds over all branches, then the rest to the larger ones: these come to seven and more."""
    return turn % branches if turn < 5 * branches else (turn - 5 * branches) % LARGER


def _doctors(unit: Unit, layout: Layout) -> int:
    return layout.doctors_each + (unit.name == layout.newcomer)


def _doctor(unit: Unit, layout: Layout, n: int, branches: list[str], dice: random.Random) -> tuple[Held, ...]:
    if unit.name == layout.newcomer and n == layout.doctors_each:
        return (Held("doctor", "住院医师", NEWCOMER_STARTS, unit.name),)
    title = DOCTOR_TITLES[n % len(DOCTOR_TITLES)]
    post = Held("doctor", title, _started(dice, 2008, 2022), unit.name)
    return (post, *_membership(branches, dice))


def _other(unit: Unit, units: list[Unit], branches: list[str], dice: random.Random) -> tuple[Held, ...]:
    titles = TITLES[unit.kind]
    started = _started(dice, 2009, 2022)
    posts = [Held("staff", dice.choice(titles), started, unit.name)]
    if dice.random() < 0.03:  # moved in 2023: the former post has ended
        former = dice.choice(units)
        moved = date(2023, dice.randint(1, 12), 1)
        posts = [
            Held("staff", dice.choice(titles), moved, unit.name),
            Held("staff", dice.choice(TITLES[former.kind]), started, former.name, ends_on=date(2022, 12, 31)),
        ]
    return (*posts, *_membership(branches, dice))


def _membership(branches: list[str], dice: random.Random) -> tuple[Held, ...]:
    if not branches or dice.random() > 0.4:
        return ()
    return (Held("member", "党员", _started(dice, 2010, 2022), party=dice.choice(branches)),)


def _started(dice: random.Random, first: int, last: int) -> date:
    return date(dice.randint(first, last), dice.randint(1, 12), dice.choice((1, 8, 15, 22)))


def _pinyin(text: str) -> str:
    return "".join(lazy_pinyin(text))
