"""The hospital as it stands on the day a list takes effect: read once, asked many times, written never."""

import difflib
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from functools import cached_property
from typing import Any

from core.org.models import Campus, Department, Enrolment, Hospital, PartyOrg, Person, Post
from core.roster.kinds import BASE_ROLES, GUARDED_ROLES
from core.roster.models import PartyMembership

#: Shortest likeness at which a name is suggested for a mistyped one (0 to 1).
LIKENESS = 0.4


class World:
    """Trees, posts and memberships of a hospital. Posts are those open on `on` or later unless a name says otherwise."""

    def __init__(self, hospital: Hospital, on: date) -> None:
        self.hospital, self.on = hospital, on
        self.eve = on - timedelta(days=1)

    @cached_property
    def campuses(self) -> list[Campus]:
        """All campuses."""
        return list(Campus.objects.order_by("id"))

    @cached_property
    def departments(self) -> list[Department]:
        """All departments, retired ones too."""
        return list(Department.objects.order_by("id"))

    @cached_property
    def party_orgs(self) -> list[PartyOrg]:
        """All Party organisations."""
        return list(PartyOrg.objects.order_by("id"))

    @cached_property
    def all_posts(self) -> list[Post]:
        """Every post there ever was, each with its person."""
        return list(Post.objects.select_related("person").order_by("starts_on", "id"))

    @cached_property
    def open_posts(self) -> dict[int, list[Post]]:
        """Person id → posts not ended before `on`."""
        found: dict[int, list[Post]] = defaultdict(list)
        for post in self.all_posts:
            if post.ends_on is None or post.ends_on >= self.on:
                found[post.person_id].append(post)
        return found

    @cached_property
    def posts_of(self) -> dict[int, list[Post]]:
        """Person id → every post there ever was."""
        found: dict[int, list[Post]] = defaultdict(list)
        for post in self.all_posts:
            found[post.person_id].append(post)
        return found

    @cached_property
    def roll(self) -> dict[int, Enrolment]:
        """Person id → the place on the roll, of those who have left too."""
        return {row.person_id: row for row in Enrolment.objects.select_related("person").order_by("id")}

    @cached_property
    def people(self) -> dict[str, Person]:
        """Staff number → person: by the roll, else by the code on posts (the present holder's before a former one's)."""
        found: dict[str, Person] = {}
        for post in self.all_posts:
            if post.source_code:
                found[post.source_code] = post.person
        for posts in self.open_posts.values():
            for post in posts:
                if post.source_code:
                    found[post.source_code] = post.person
        return found | {row.number: row.person for row in self.roll.values() if row.number}

    @cached_property
    def numbers(self) -> dict[int, str]:
        """Person id → staff number: by the roll, else the latest on a post."""
        found: dict[int, str] = {}
        for post in self.all_posts:
            if post.source_code and self.people[post.source_code].pk == post.person_id:
                found[post.person_id] = post.source_code
        return found | {pk: row.number for pk, row in self.roll.items() if row.number}

    def is_here(self, person_id: int) -> bool:
        """Whether the person is on the roll on the day, or holds a post then."""
        there = self.roll.get(person_id)
        on_roll = there is not None and (there.left_on is None or there.left_on >= self.on)
        return on_roll or bool(self.open_posts.get(person_id))

    @cached_property
    def namesakes(self) -> dict[str, list[Person]]:
        """Name → persons who are or were on the roll, hold or held a post in this hospital."""
        found: dict[str, dict[int, Person]] = defaultdict(dict)
        for row in self.roll.values():
            found[row.person.name][row.person_id] = row.person
        for post in self.all_posts:
            found[post.person.name][post.person_id] = post.person
        return {name: list(people.values()) for name, people in found.items()}

    @cached_property
    def staff_numbers(self) -> dict[str, Person]:
        """Numbers of those who are on the staff: on the roll, or with a post that is not an administrator's."""
        found: dict[str, Person] = {}
        for person_id, number in self.numbers.items():
            posts = self.open_posts.get(person_id, [])
            there = self.roll.get(person_id)
            if there is not None and (there.left_on is None or there.left_on >= self.on):
                found[number] = there.person
            elif any(p.role not in GUARDED_ROLES for p in posts):
                found[number] = posts[0].person
        return found

    @cached_property
    def memberships(self) -> dict[int, PartyMembership]:
        """Person id → the membership that has not ended."""
        rows = PartyMembership.objects.filter(left_on=None).select_related("person", "party_org")
        return {row.person_id: row for row in rows}

    def base_post(self, person_id: int) -> Post | None:
        """The post that says where a person works: the latest open one of a staff role."""
        mine = [p for p in self.open_posts.get(person_id, []) if p.role in BASE_ROLES]
        return max(mine, key=lambda p: (p.starts_on, p.pk), default=None)

    @cached_property
    def department_by_id(self) -> dict[int, Department]:
        """Departments by id."""
        return {d.pk: d for d in self.departments}

    @cached_property
    def party_org_by_id(self) -> dict[int, PartyOrg]:
        """Party organisations by id."""
        return {p.pk: p for p in self.party_orgs}

    @cached_property
    def campus_by_id(self) -> dict[int, Campus]:
        """Campuses by id."""
        return {c.pk: c for c in self.campuses}

    def department_name(self, pk: int | None) -> str:
        """The department's name, or nothing."""
        return self.department_by_id[pk].name if pk in self.department_by_id else ""


def find(text: str, among: Iterable[Any]) -> Any | None:
    """The one of that code, else the only one of that name that is in use, else of that name."""
    rows = list(among)
    for row in rows:
        if row.code == text:
            return row
    named = [row for row in rows if row.name == text]
    used = [row for row in named if getattr(row, "state", "active") == "active"]
    if len(used) == 1:
        return used[0]
    return named[0] if len(named) == 1 else None


def nearest(text: str, among: Iterable[Any]) -> str:
    """The name or code most like a mistyped one, or nothing."""
    words: dict[str, str] = {}
    for row in among:
        if getattr(row, "state", "active") == "active":
            shown = f"{row.name}（{row.code}）" if row.code != row.name else row.name
            words.setdefault(row.name, shown)
            words.setdefault(row.code, shown)
    found = difflib.get_close_matches(text, list(words), n=1, cutoff=LIKENESS)
    return words[found[0]] if found else ""
