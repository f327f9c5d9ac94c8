"""The world of tests and demonstration: who is in it, repeatable, and what an account may be used for."""

import json
import stat
from datetime import date

import pytest

from core.org.domain.calendar import add_working_days
from core.org.models import Department, Person, Post, User
from core.policy.principal import VISITOR, principal_for
from core.policy.roles import ROLES
from core.testing import demo, layout
from core.testing.names import people
from core.testing.roster import doctors, roster
from core.testing.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return World.small()


def test_every_role_has_an_account_in_both_hospitals_and_none_in_the_other(world: World) -> None:
    for slug, foreign in (("binjiang", "yunling"), ("yunling", "binjiang")):
        for role in set(ROLES) - {VISITOR}:
            assert role in world.principal(role, slug).roles
            assert principal_for(world.user(role, slug), world.hospital(foreign)) is None


def test_a_head_reaches_the_department_and_what_lies_below(world: World) -> None:
    head = world.principal("department_head", department="骨科")
    other = world.principal("department_head", department="心内科")
    assert head.posts[0].department_codes == {"骨科", "骨科关节病区"}
    assert other.posts[0].department_codes == {"心内科"}


def test_the_platform_account_administers_wagtail_and_holds_no_post(world: World) -> None:
    user = User.objects.get(username="platform-admin")
    assert user.is_superuser and not Post.unscoped.filter(person=user.person).exists()


def test_writing_again_adds_nothing_and_opening_again_changes_passwords_only(world: World) -> None:
    def counted() -> list[int]:
        return [
            Person.objects.count(),
            Post.unscoped.count(),
            Department.unscoped.count(),
            User.objects.count(),
        ]

    before, old = counted(), world.account("inspector").password
    again = World(world.seed, world.layouts)
    again.write()
    again.open_accounts(one_password=True)
    assert counted() == before
    name, new = again.account("inspector").username, again.account("inspector").password
    user = User.objects.get(username=name)
    assert user.check_password(new) and not user.check_password(old)


def test_the_calendar_knows_the_spring_festival(world: World) -> None:
    due = add_working_days(date(2025, 1, 27), 1, world.hospital().id)
    assert due.day == date(2025, 2, 5) and not due.provisional


def test_accounts_file_is_for_its_owner_only(world: World, settings: object, tmp_path: object) -> None:
    settings.HOME = tmp_path  # type: ignore[attr-defined]
    path = demo.save_accounts(world)
    shown = json.loads(path.read_text(encoding="utf-8"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {frozenset(line) for line in shown} == {
        frozenset({"hospital", "role", "name", "username", "password"})
    }
    user = User.objects.get(username=shown[0]["username"])
    assert user.check_password(shown[0]["password"])


def test_the_demonstration_hospitals_have_the_promised_size() -> None:
    names = people()
    big = roster(layout.binjiang(), names, 2024)
    little = roster(layout.yunling(), names, 2024)
    assert 1400 <= len(big) <= 1420 and 60 <= len(little) <= 75
    assert len({entry.name for entry in big + little}) == len(big) + len(little)
    assert len(layout.binjiang().campuses) == 4 and 55 <= len(layout.binjiang().units) <= 70
    assert all(len(codes) >= 8 for codes in doctors(layout.binjiang(), big).values())
    assert roster(layout.binjiang(), people(), 2024) == big


def test_the_large_hospital_has_360_party_members_in_60_branches_each_with_a_secretary() -> None:
    big = roster(layout.binjiang(), people(), 2024)
    kinds = [kind for kind, _, _ in layout.binjiang().party]
    assert kinds.count("branch") == 60 and kinds.count("committee") == 1 and kinds.count("group") > 0
    party = {"member", "branch_secretary", "branch_committee"}
    where = [{post.party for post in entry.posts if post.role in party} for entry in big]
    members = [places for places in where if places]
    assert len(members) == 360 and all(len(places) == 1 for places in members)
    sizes = {branch: sum(branch in places for places in members) for branch in set().union(*members)}
    assert len(sizes) == 60 and min(sizes.values()) >= 3 and max(sizes.values()) <= 50
    led = [post.party for entry in big for post in entry.posts if post.role == "branch_secretary"]
    assert sorted(led) == sorted(sizes)


def test_every_role_but_the_visitor_has_an_account_in_the_large_hospital() -> None:
    accounts = {entry.posts[0].role for entry in roster(layout.binjiang(), people(), 2024) if entry.account}
    assert accounts == set(ROLES) - {VISITOR}
