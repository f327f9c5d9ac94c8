"""What the plans share: rows to write for posts, looking things up, doubled keys, those who are missing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from core.org.models import Enrolment, Post
from core.policy.roles import role_label
from core.roster.difference import Entry, Op, Plan, Question
from core.roster.read.cells import Line, Lines
from core.roster.world import World, find, nearest

#: More than this share of those here missing from a complete list asks a person, percent; small numbers never ask.
MANY_PERCENT = 20
MANY_AT_LEAST = 3
ALL_LEAVE = "many_leave"

POST_COLUMNS = (
    "person_id", "role", "title", "department_id", "campus_id", "party_org_id", "source_code", "starts_on", "ends_on",
)  # fmt: skip


@dataclass
class Work:
    """One planning: the rows, the hospital as it is, what was answered, and the plan as it grows."""

    lines: Lines
    world: World
    complete: bool
    answers: Mapping[str, str] = field(default_factory=dict)
    plan: Plan = field(default_factory=Plan)
    taken: set[str] = field(default_factory=set)  # uids of persons whom a row already stands for

    def ask(self, id: str, text: str, options: Iterable[tuple[str, str]]) -> str | None:
        """Put a question; the answer given, or None so far."""
        made = Question(id, text, tuple(options))
        self.plan.questions.append(made)
        given = self.answers.get(id)
        return given if given in dict(made.options) else None

    def add(
        self,
        change: str,
        key: str,
        name: str,
        text: str,
        ops: Iterable[Op | None],
        *,
        old: str = "",
        new: str = "",
        line: Line | None = None,
    ) -> None:
        """One line of the difference."""
        kept = tuple(op for op in ops if op is not None)
        self.plan.entries.append(Entry(change, key, name, text, old, new, line.row if line else None, kept))

    def same(self) -> None:
        """One row that changes nothing."""
        self.plan.same += 1

    def look_up(self, line: Line, key: str, among: list[Any], what: str, made: Mapping[str, str]) -> Any:
        """The row of a tree that a cell names; a code or name that this very list makes is given as its code.

        None with a finding when there is none; the nearest name is suggested.
        """
        text = line[key]
        if text in made:
            return made[text]
        found = find(text, among)
        if found is not None:
            return found
        named = [row for row in among if row.name == text]
        if len(named) > 1:
            codes = "、".join(row.code for row in named[:5])
            self.lines.finding(
                line, key, f"名为“{text}”的{what}有 {len(named)} 个。", f"请改填代码：{codes}。"
            )
            return None
        near = nearest(text, among)
        cure = (
            f"最接近的是“{near}”；请核对后改正，或先导入{what}。"
            if near
            else f"请核对后改正，或先导入{what}。"
        )
        self.lines.finding(line, key, f"没有名为“{text}”的{what}。", cure)
        return None


def distinct(lines: Lines, key: str, label: str) -> dict[str, Line]:
    """Rows by key. A key written twice is an error on every later row, unless the rows are alike (then a warning)."""
    found: dict[str, Line] = {}
    for line in lines.lines:
        value = line[key]
        if value is None:
            continue
        first = found.setdefault(value, line)
        if first is line:
            continue
        if first.values == line.values:
            lines.finding(
                line,
                key,
                f"与第 {first.row} 行完全相同，只读取一次。",
                "可以删去重复的行。",
                severity="warning",
            )
        else:
            lines.finding(
                line,
                key,
                f"{label}“{value}”重复：第 {first.row} 行已经有了。",
                f"请核对：每个{label}只能有一行。",
            )
            first.bad = True
    return found


def many_leave(work: Work, leaving: int, here: int, what: str) -> bool:
    """Whether those missing from a complete list may be taken as gone: asks when they are many."""
    if leaving < MANY_AT_LEAST or leaving * 100 <= here * MANY_PERCENT:
        return True
    answer = work.ask(
        ALL_LEAVE,
        f"名册里没有现有 {here} {what}中的 {leaving} {what}（{leaving * 100 // here}%）。这份名册是完整的吗？",
        [
            ("leave", f"是完整名册，缺少的 {leaving} {what}都已离开"),
            ("keep", "不是完整名册，缺少的保持不变"),
        ],
    )
    return answer == "leave"


def iso(day: date | None) -> str | None:
    """A day as JSON."""
    return day.isoformat() if day else None


def post_values(post: Post) -> dict[str, Any]:
    """A post as JSON, by column."""
    values = {column: getattr(post, column) for column in POST_COLUMNS}
    return values | {"starts_on": iso(post.starts_on), "ends_on": iso(post.ends_on)}


def new_post(person: int | str, role: str, number: str, starts_on: date, **values: Any) -> Op:
    """A post to be made. `person` and places are ids or references."""
    after = dict.fromkeys(POST_COLUMNS) | {"title": "", "person_id": person, "role": role}
    after |= {"source_code": number, "starts_on": iso(starts_on)} | values
    return Op("create", "post", after=after)


def set_post(post: Post, **values: Any) -> Op | None:
    """A post changed in place, or nothing if it is so already."""
    now = post_values(post)
    changed = {key: value for key, value in values.items() if now[key] != value}
    return (
        Op("update", "post", pk=post.pk, before={key: now[key] for key in changed}, after=changed)
        if changed
        else None
    )


def end_post(post: Post, last: date) -> Op | None:
    """A post whose last day is `last`; one that had not begun by then never was, and is taken away."""
    if post.starts_on > last:
        return Op("delete", "post", pk=post.pk, before=post_values(post) | {"uid": str(post.uid)})
    if post.ends_on is not None and post.ends_on <= last:
        return None
    return set_post(post, ends_on=iso(last))


def new_roll(person: int | str, number: str, joined_on: date, left_on: str | None = None) -> Op:
    """A place on the roll."""
    after = {"person_id": person, "number": number, "joined_on": iso(joined_on), "left_on": left_on}
    return Op("create", "enrolment", after=after)


def set_roll(there: Enrolment, **values: Any) -> Op | None:
    """A place on the roll changed, or nothing if it is so already."""
    now = {"number": there.number, "joined_on": iso(there.joined_on), "left_on": iso(there.left_on)}
    changed = {key: value for key, value in values.items() if now[key] != value}
    if not changed:
        return None
    before = {key: now[key] for key in changed}
    return Op("update", "enrolment", pk=there.pk, before=before, after=changed)


def from_day(post: Post, world: World, **values: Any) -> list[Op | None]:
    """A post that is otherwise from the day the list takes effect: the former one ends the day before."""
    if post.starts_on >= world.on:
        return [set_post(post, **values)]
    after = post_values(post) | {"starts_on": iso(world.on)} | values
    return [end_post(post, world.eve), Op("create", "post", after=after)]


def role_words(post: Post, world: World) -> str:
    """心内科 科室负责人."""
    place = world.department_name(post.department_id)
    if not place and post.party_org_id in world.party_org_by_id:
        place = world.party_org_by_id[post.party_org_id].name
    return f"{place} {role_label(post.role)}".strip()
