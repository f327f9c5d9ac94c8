"""Two records of one human: what is shown before, what moves, what is refused, and that no foreign key is forgotten."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client

from core.accounts.models import Device
from core.audit.models import Change, Event
from core.kernel import clock
from core.kernel.context import Actor, acting, actor_scope, hospital_scope
from core.kernel.errors import Problem
from core.notify.models import Contact, Notice, Receipt
from core.org.domain import people
from core.org.models import Enrolment, Person, Post, User
from core.roster.domain import merging
from core.roster.models import PartyMembership
from core.testing import factories
from core.testing.world import World

pytestmark = pytest.mark.django_db
BY = Actor.system("test")
YEAR = timedelta(days=365)


class Two:
    """One human twice: a doctor of the staff list, a Party member of the other."""

    def __init__(self, world: World) -> None:
        self.world, self.hospital, self.today = world, world.hospital(), clock.today()
        with hospital_scope(self.hospital), acting(BY):
            self.branch = factories.party_org(self.hospital)
            self.kept = people.add_person("重示例")
            people.enrol(self.kept, self.hospital, number="9101", joined_on=self.today - YEAR)
            self.doctor = people.appoint(self.kept, self.hospital, "doctor", starts_on=self.today - YEAR)
            self.other = people.add_person("重示例", born_on=date(1980, 5, 1))
            people.enrol(self.other, self.hospital, joined_on=self.today - 2 * YEAR)
            self.member = people.appoint(
                self.other, self.hospital, "member", starts_on=self.today - 2 * YEAR, party_org=self.branch
            )
            self.doubled = people.appoint(
                self.other, self.hospital, "doctor", starts_on=self.today - 2 * YEAR
            )
            PartyMembership.objects.create(
                person=self.other,
                party_org=self.branch,
                kind="full",
                joined_on=date(2010, 7, 1),
                since_on=date(2020, 1, 1),
            )
            Contact.objects.create(person=self.other, mobile="13800000000")
            notices = [
                Notice.objects.create(
                    kind="notify.test", title=f"示例{n}", created_at=clock.now(), key=f"m{n}"
                )
                for n in (1, 2)
            ]
            Receipt.objects.create(notice=notices[0], person=self.kept)
            for notice in notices:
                Receipt.objects.create(notice=notice, person=self.other)

    def ask(self, client: Client, **values: Any) -> Any:
        """The command on the kept record, as the page sends it."""
        return _merge(client, self.kept, self.other, **values)


def _merge(client: Client, kept: Person, other: Person, **values: Any) -> Any:
    body = {"uid": str(kept.uid), "values": {"other": str(other.uid), **values}}
    body["expected_version"] = Person.objects.get(pk=kept.pk).version
    token = client.cookies["csrftoken"].value
    path = "/api/v1/h/binjiang/resources/org.person/commands/merge"
    return client.post(path, body, content_type="application/json", headers={"X-CSRFToken": token})


@pytest.fixture(scope="module")
def world(module_scope: None) -> World:
    """Two hospitals."""
    return World.small()


@pytest.fixture
def two(world: World) -> Two:
    """Made anew for each test."""
    return Two(world)


def _client(world: World, role: str) -> Client:
    user = world.user(role)
    client = Client(headers={"User-Agent": "test"})
    with actor_scope(BY):
        client.force_login(user)
    client.get("/api/v1/session")
    return client


def test_every_foreign_key_to_a_person_is_spoken_of() -> None:
    """A new one fails here until `FIELDS` says how it moves."""
    there = {f"{model._meta.label}.{field}" for model, field in merging.foreign_keys()}
    assert there == set(merging.FIELDS)


def test_it_is_shown_first_and_changes_nothing_then(two: Two) -> None:
    answer = two.ask(_client(two.world, "hospital_admin"))
    assert answer.status_code == 422, answer.content.decode()
    error = answer.json()["errors"][0]
    assert error["pointer"] == "/values/sure"
    for said in ("任职 2 项", "在册 1 项", "消息 2 项", "联系方式 1 项", "党员 1 项", "不能撤销"):
        assert said in error["message"]
    assert Person.objects.filter(pk=two.other.pk).exists() and two.other.posts.count() == 2


def test_everything_belongs_to_the_one_record_afterwards(two: Two) -> None:
    answer = two.ask(_client(two.world, "hospital_admin"), sure=True)
    assert answer.status_code == 200, answer.content.decode()
    assert not Person.objects.filter(pk=two.other.pk).exists()
    kept = Person.objects.get(pk=two.kept.pk)
    assert kept.born_on == date(1980, 5, 1) and kept.name == "重示例"
    roll = Enrolment.unscoped.get(person=kept)
    assert (roll.number, roll.joined_on, roll.left_on) == ("9101", two.today - 2 * YEAR, None)
    posts = set(Post.unscoped.filter(person=kept).values_list("role", "starts_on", "ends_on"))
    assert posts == {("doctor", two.today - 2 * YEAR, None), ("member", two.today - 2 * YEAR, None)}
    with hospital_scope(two.hospital):
        assert Receipt.objects.filter(person=kept).count() == 2, "a notice that both had is there once"
        assert Contact.objects.get(person=kept).mobile == "13800000000"
        assert PartyMembership.objects.get(person=kept).party_org == two.branch
    event = Event.objects.get(kind="org.person.merge")
    assert event.subject_uid == str(two.kept.uid) and str(two.other.uid) in str(event.data)
    rows = Change.objects.filter(table="org_person", pk_text=str(two.other.pk)).order_by("pk")
    assert rows.last().op == "D", "the record of changes keeps the row as it was"


def test_the_account_of_the_other_record_goes_on_with_its_devices(two: Two) -> None:
    with acting(BY):
        user = User.objects.create(username="chong", person=two.other)
        Device.objects.create(user=user, label="示例", created_at=clock.now(), seen_at=clock.now())
    assert two.ask(_client(two.world, "hospital_admin"), sure=True).status_code == 200
    user.refresh_from_db()
    assert user.person_id == two.kept.pk and user.devices.filter(ended_at=None).count() == 1


def test_two_accounts_are_refused(two: Two) -> None:
    with acting(BY):
        for n, person in enumerate((two.kept, two.other)):
            User.objects.create(username=f"chong{n}", person=person)
    answer = two.ask(_client(two.world, "hospital_admin"), sure=True)
    assert answer.status_code == 422 and "都有账号" in answer.json()["detail"]
    assert Person.objects.filter(pk=two.other.pk).exists()


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("birth", "出生日期不同"),
        ("number", "工号不同"),
        ("privileged", "安全管理员"),
        ("elsewhere", "别的医院"),
        ("members", "党员身份"),
        ("same", "同一条记录"),
    ],
)
def test_what_is_not_one_human_or_not_this_administrators_is_refused(two: Two, what: str, said: str) -> None:
    other = two.other
    with hospital_scope(two.hospital), acting(BY):
        if what == "birth":
            people.set_birth(two.kept, date(1981, 5, 1))
        elif what == "number":
            people.set_number(two.other, two.hospital, "9102")
        elif what == "privileged":
            people.appoint(two.other, two.hospital, "inspector")
        elif what == "elsewhere":
            people.appoint(two.other, two.world.hospital("yunling"), "doctor")
        elif what == "members":
            values = {"kind": "full", "joined_on": date(2010, 7, 1), "since_on": date(2020, 1, 1)}
            PartyMembership.objects.create(person=two.kept, party_org=two.branch, **values)
        else:
            other = two.kept
    before = Post.unscoped.filter(person__in=[two.kept, two.other]).count()
    answer = _merge(_client(two.world, "hospital_admin"), two.kept, other, sure=True)
    assert answer.status_code in (409, 422), answer.content.decode()
    assert said in answer.content.decode()
    assert Person.objects.filter(pk=two.other.pk).exists()
    assert Post.unscoped.filter(person__in=[two.kept, two.other]).count() == before


def test_only_the_hospitals_administrator_and_never_the_own_record(two: Two) -> None:
    for role in ("inspector", "doctor", "security_admin"):
        assert two.ask(_client(two.world, role), sure=True).status_code in (403, 404), role
    admin = two.world.user("hospital_admin")
    assert admin.person is not None
    answer = _merge(_client(two.world, "hospital_admin"), admin.person, two.other, sure=True)
    assert answer.status_code == 409 and "另一位" in answer.json()["detail"]


def test_a_stranger_is_not_found(two: Two) -> None:
    with hospital_scope(two.world.hospital("yunling")), acting(BY):
        stranger = people.add_person("外院示例")
        people.enrol(stranger, two.world.hospital("yunling"))
    answer = _merge(_client(two.world, "hospital_admin"), two.kept, stranger, sure=True)
    assert answer.status_code == 422 and "没有这个人" in answer.json()["detail"]


def test_a_foreign_key_that_nobody_thought_of_keeps_the_record(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plugin's new table: nothing is merged rather than lost."""
    fewer = {key: how for key, how in merging.FIELDS.items() if key != "notify.Contact.person"}
    monkeypatch.setattr(merging, "FIELDS", fewer)
    with pytest.raises(Problem, match="refused"), hospital_scope(two.hospital), acting(BY):
        merging.merge(two.kept, two.other, two.hospital, lambda role: True)
    assert Person.objects.filter(pk=two.other.pk).exists() and two.other.posts.count() == 2


def test_an_older_import_cannot_be_undone_over_a_merge(hospital: Any, bring: Any) -> None:
    """Taking the import back would take away what the kept record holds now."""
    first = bring.apply(
        "staff",
        "工号,姓名,科室,职务,入院日期\n7001,并示例,内科,医师,2024-03-01\n7002,另示例,外科,医师,2024-03-01\n",
    )
    kept, other = Person.objects.get(name="并示例"), Person.objects.get(name="另示例")
    with acting(BY):
        people.set_number(other, hospital, "")
        merging.merge(kept, other, hospital, lambda role: True)
    before = set(Post.objects.filter(person=kept).values_list("role", "department__name"))
    assert {place for _, place in before} == {"内科", "外科"}
    with pytest.raises(Problem, match="不能撤销"):
        bring.undo(first)
    assert set(Post.objects.filter(person=kept).values_list("role", "department__name")) == before
