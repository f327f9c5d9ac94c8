"""The `World`: two invented hospitals with trees, people, dated posts and one account for each role.

Tests take `World.small()`; `manage.py demo load` takes `World.full()` and goes on with data (core.testing.demo).
Everything is made from a seed. Each step finds what is there already, so a load that was killed can be repeated.
"""

import os
import secrets
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from django.contrib.auth.hashers import make_password
from django.db.models import Q

from core.kernel.context import Actor, acting
from core.kernel.sortkey import sort_key
from core.org.domain.place import load_calendar
from core.org.domain.trees import add_department, add_party_org, create_hospital
from core.org.models import Campus, Department, Enrolment, Hospital, PartyOrg, Person, Post, User
from core.policy.principal import Principal, principal_for
from core.roster.models import PartyMembership
from core.testing import layout as layouts
from core.testing.layout import Layout
from core.testing.names import people
from core.testing.prescribing import Prescribing
from core.testing.roster import PARTY_MEMBERS, Entry, doctors, roster

#: People written in one transaction (with their posts below 500 rows and 200 ms).
BATCH = 200
BY = Actor.system("demo")
PLATFORM = "platform_admin"


@dataclass(frozen=True)
class Account:
    """Who can sign in. `hospital` is a slug, empty for the platform's administrator."""

    hospital: str
    role: str
    name: str
    username: str
    password: str = ""
    department: str = ""

    def shown(self) -> dict[str, str]:
        """The line of the accounts file."""
        return {key: getattr(self, key) for key in ("hospital", "role", "name", "username", "password")}


@dataclass
class Site:
    """One hospital of the world, by name and code."""

    layout: Layout
    entries: list[Entry]
    hospital: Hospital
    campuses: dict[str, Campus] = field(default_factory=dict)
    departments: dict[str, Department] = field(default_factory=dict)
    party: dict[str, PartyOrg] = field(default_factory=dict)

    @property
    def doctors(self) -> dict[str, list[str]]:
        """Department → codes of the doctors who write its lines."""
        return doctors(self.layout, self.entries)


class World:
    """Hospitals by slug, and the accounts."""

    def __init__(self, seed: int = 2024, layouts_: Iterable[Layout] = ()) -> None:
        self.seed = seed
        self.layouts = list(layouts_)
        self.sites: dict[str, Site] = {}
        self.accounts: list[Account] = []
        self.data: Prescribing | None = (
            None  # generated tables and stories, where the demonstration made them
        )

    @classmethod
    def small(cls, seed: int = 2024) -> "World":
        """Two hospitals of three departments with every role, written to the database: for tests."""
        world = cls(
            seed,
            [layouts.small("binjiang", "滨江示范医院", "B"), layouts.small("yunling", "云岭示例医院", "Y")],
        )
        world.write()
        world.open_accounts(one_password=True)
        return world

    @classmethod
    def full(cls, seed: int = 2024) -> "World":
        """The demonstration's hospitals, not yet written."""
        return cls(seed, [layouts.binjiang(), layouts.yunling()])

    def hospital(self, slug: str = "binjiang") -> Hospital:
        """The hospital of that slug."""
        return self.sites[slug].hospital

    def department(self, name: str, slug: str = "binjiang") -> Department:
        """A department by its code, which is its name on lines."""
        return self.sites[slug].departments[name]

    def account(self, role: str, slug: str = "binjiang", department: str = "") -> Account:
        """The account of a role; `department` chooses among heads. Raises LookupError."""
        for account in self.accounts:
            if (account.hospital, account.role) == (slug, role) and department in ("", account.department):
                return account
        raise LookupError(f"no account {role} {department} in {slug}")

    def user(self, role: str, slug: str = "binjiang", department: str = "") -> User:
        """The user behind `account`."""
        return User.objects.select_related("person").get(
            username=self.account(role, slug, department).username
        )

    def principal(self, role: str, slug: str = "binjiang", department: str = "") -> Principal:
        """The rights of an account in its hospital today."""
        found = principal_for(self.user(role, slug, department), self.hospital(slug))
        assert found is not None
        return found

    def heads(self, slug: str = "binjiang") -> dict[int, Principal]:
        """Department id → the rights of its head, for each head with an account."""
        heads = [a for a in self.accounts if (a.hospital, a.role) == (slug, "department_head")]
        return {
            self.department(a.department, slug).id: self.principal("department_head", slug, a.department)
            for a in heads
        }

    def write(self) -> None:
        """Write hospitals, trees, calendar, persons and posts; what is there already is left alone."""
        names = people()
        write_calendar()
        for layout in self.layouts:
            entries = roster(layout, names, self.seed)
            self.sites[layout.slug] = site = Site(layout, entries, _hospital(layout))
            _trees(site)
            _staff(site)
        self._platform_name = next(names)

    def open_accounts(self, *, one_password: bool = False) -> None:
        """Accounts with new passwords, for each role and for the platform; existing ones get the new password.

        `one_password` gives all the same one, so that tests hash once.
        """
        shared = secrets.token_urlsafe(12) if one_password else ""
        self.accounts = [replace(a, password=shared or secrets.token_urlsafe(12)) for a in self._wanted()]
        distinct = sorted({account.password for account in self.accounts})
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # argon2 leaves the interpreter lock
            hashes = dict(zip(distinct, pool.map(make_password, distinct), strict=True))
        for account in self.accounts:
            _open(account, hashes[account.password], self.sites)

    def _wanted(self) -> list[Account]:
        found = []
        for slug, site in self.sites.items():
            for entry in site.entries:
                if entry.account and entry.posts:
                    post = entry.posts[0]
                    found.append(
                        Account(
                            slug, post.role, entry.name, f"{slug}-{entry.account}", department=post.department
                        )
                    )
        return [*found, Account("", PLATFORM, self._platform_name, "platform-admin")]


def write_calendar() -> None:
    """The days of the known years that are not what their weekday says, for every hospital."""
    with acting(BY):
        load_calendar()


def _hospital(layout: Layout) -> Hospital:
    found = Hospital.objects.filter(slug=layout.slug).first()
    if found is not None:
        return found
    with acting(BY):
        return create_hospital(slug=layout.slug, name=layout.name, short_name=layout.short_name)


def _trees(site: Site) -> None:
    hospital, layout = site.hospital, site.layout
    for model, kept, key in (
        (Campus, site.campuses, "code"),
        (Department, site.departments, "code"),
        (PartyOrg, site.party, "name"),
    ):
        kept.update({getattr(row, key): row for row in model.unscoped.filter(hospital=hospital)})  # type: ignore[attr-defined]
    with acting(BY):
        for code, name in layout.campuses.items():
            if code not in site.campuses:
                site.campuses[code] = Campus.unscoped.create(hospital=hospital, code=code, name=name)
    for start in range(0, len(layout.units), 25):
        with acting(BY):
            for unit in layout.units[start : start + 25]:
                if unit.name not in site.departments:
                    site.departments[unit.name] = add_department(
                        hospital=hospital,
                        code=unit.name,
                        name=unit.name,
                        parent=site.departments.get(unit.parent),
                        campus=site.campuses.get(unit.campus),
                        kind=unit.kind,
                        peer_group=unit.peers,
                    )
    with acting(BY):
        for n, (kind, name, parent) in enumerate(layout.party, start=1):
            if name not in site.party:
                site.party[name] = add_party_org(
                    hospital=hospital,
                    code=f"{layout.prefix}P{n:02d}",
                    name=name,
                    kind=kind,
                    parent=site.party.get(parent),
                )


def _staff(site: Site) -> None:
    there = set(Post.unscoped.filter(hospital=site.hospital).values_list("source_code", flat=True))
    there |= set(Enrolment.unscoped.filter(hospital=site.hospital).values_list("number", flat=True))
    missing = [entry for entry in site.entries if entry.number not in there]
    for start in range(0, len(missing), BATCH):
        entries = missing[start : start + BATCH]
        with acting(BY):
            persons = Person.objects.bulk_create(
                [Person(name=e.name, sort_key=sort_key(e.name)) for e in entries]
            )
            Post.unscoped.bulk_create(
                [
                    post
                    for person, entry in zip(persons, entries, strict=True)
                    for post in _posts(site, person, entry)
                ]
            )
            if site.layout.roll:
                Enrolment.unscoped.bulk_create(
                    [_enrolment(site, person, e) for person, e in zip(persons, entries, strict=True)]
                )
                PartyMembership.unscoped.bulk_create(
                    [
                        one
                        for person, e in zip(persons, entries, strict=True)
                        for one in _member(site, person, e)
                    ]
                )


def _enrolment(site: Site, person: Person, entry: Entry) -> Enrolment:
    joined = min((post.starts_on for post in entry.posts), default=date(2026, 1, 5))
    return Enrolment(hospital=site.hospital, person=person, number=entry.number, joined_on=joined)


def _member(site: Site, person: Person, entry: Entry) -> list[PartyMembership]:
    """The line of the Party register that belongs to the first post of a Party member; none for the others."""
    for held in entry.posts:
        if held.role in PARTY_MEMBERS and held.party:
            joined = held.starts_on.replace(year=held.starts_on.year - 2)
            return [
                PartyMembership(
                    hospital=site.hospital,
                    person=person,
                    party_org=site.party[held.party],
                    kind="full",
                    joined_on=joined,
                    full_on=joined.replace(year=joined.year + 1),
                    since_on=held.starts_on,
                )
            ]
    return []


def _posts(site: Site, person: Person, entry: Entry) -> list[Post]:
    made = []
    for held in entry.posts:
        department = site.departments.get(held.department)
        made.append(
            Post(
                hospital=site.hospital,
                person=person,
                role=held.role,
                title=held.title,
                department=department,
                campus_id=department.campus_id if department else None,
                party_org=site.party.get(held.party),
                source_code=entry.number,
                starts_on=held.starts_on,
                ends_on=held.ends_on,
            )
        )
    return made


def _open(account: Account, hashed: str, sites: dict[str, Site]) -> None:
    changed: dict[str, Any] = {"password": hashed}
    with acting(BY):
        if User.objects.filter(username=account.username).update(**changed):
            return
        platform = account.role == PLATFORM
        person = _new_person(account.name) if platform else _person(account, sites[account.hospital])
        User.objects.create(
            username=account.username, person=person, is_staff=platform, is_superuser=platform, **changed
        )


def _new_person(name: str) -> Person:
    return Person.objects.create(name=name, sort_key=sort_key(name))


def _person(account: Account, site: Site) -> Person:
    number = next(e.number for e in site.entries if f"{account.hospital}-{e.account}" == account.username)
    held = Post.unscoped.filter(Q(hospital=site.hospital, source_code=number)).first()
    assert held is not None
    return held.person
