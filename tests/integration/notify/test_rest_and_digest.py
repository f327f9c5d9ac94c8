"""Nobody is disturbed at night or after a night shift, except by what is urgent; one message a day for who wants that."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from core.kernel import clock
from core.kernel.context import acting, hospital_scope
from core.kernel.errors import Problem
from core.notify.domain import duty, resolve
from core.notify.models import NightDuty
from core.org.models import Post
from tests.integration.notify.conftest import BY, House, ask
from tests.integration.notify.servers import MailSink, WeCom

pytestmark = pytest.mark.django_db
#: Shanghai 23:30 on 24 November 2026, and 07:00 and 14:00 the next day.
NIGHT = datetime(2026, 11, 24, 15, 30, tzinfo=UTC)
SEVEN = datetime(2026, 11, 24, 23, 0, tzinfo=UTC)
TWO = datetime(2026, 11, 25, 6, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def person(house: House, sink: MailSink) -> int:
    """A doctor with a mail address."""
    found = house.person("doctor")
    house.reach(found, mail="a@hospital.example")
    return found


def night(house: House, *people: int, **more) -> None:
    """Something happens at half past eleven."""
    with clock.turned(NIGHT):
        house.send(*people, **more)


def test_at_night_it_is_in_the_box_at_once_and_outside_in_the_morning(
    house: House, sink: MailSink, person: int
) -> None:
    night(house, person)
    assert len(house.receipts()) == 1
    house.at(NIGHT)
    house.at(SEVEN - MINUTE)
    assert sink.mails == []
    house.at(SEVEN)
    assert len(sink.mails) == 1


def test_the_urgent_goes_at_once(house: House, sink: MailSink, person: int) -> None:
    night(house, person, urgent=True)
    house.at(NIGHT)
    assert len(sink.mails) == 1


def test_after_a_night_shift_it_waits_until_two(house: House, sink: MailSink, person: int) -> None:
    with hospital_scope(house.hospital), acting(BY):
        duty.put(house.hospital, person, date(2026, 11, 24), time(8, 0))
    with clock.turned(SEVEN + 2 * timedelta(hours=1)):  # nine o'clock: the shift ended at eight
        house.send(person)
        house.send(person, key="2", urgent=True)
    house.at(SEVEN + timedelta(hours=2))
    assert len(sink.mails) == 1  # the urgent one
    house.at(TWO - MINUTE)
    assert len(sink.mails) == 1
    house.at(TWO)
    assert len(sink.mails) == 2


def test_a_shift_entered_after_the_message_was_planned_still_counts(
    house: House, sink: MailSink, person: int
) -> None:
    night(house, person)
    house.at(NIGHT)
    with hospital_scope(house.hospital), acting(BY):
        duty.put(house.hospital, person, date(2026, 11, 24), time(6, 30))
    house.at(SEVEN)
    assert sink.mails == []
    house.at(TWO)
    assert len(sink.mails) == 1


def test_an_own_window_and_no_window(house: House, sink: MailSink, person: int) -> None:
    client = house.client("doctor")
    answer = ask(client, "PUT", "/notices/settings", {"rest": {"starts": "00:00", "ends": "00:00"}})
    assert answer.json()["rest"] == {"starts": "00:00", "ends": "00:00"}
    night(house, person)
    house.at(NIGHT)
    assert len(sink.mails) == 1
    ask(client, "PUT", "/notices/settings", {"rest": {"starts": "", "ends": ""}})
    assert ask(client, "GET", "/notices/settings").json()["rest"] == {"starts": "22:00", "ends": "07:00"}


def test_the_hospitals_own_hour_of_night_is_the_default(house: House, sink: MailSink, person: int) -> None:
    with acting(BY):
        house.hospital.night_starts = 20
        house.hospital.save()
    with clock.turned(NIGHT - timedelta(hours=3)):  # half past eight in the evening
        house.send(person)
    house.at(NIGHT - timedelta(hours=3))
    assert sink.mails == []


def test_a_clock_set_back_neither_doubles_nor_holds_back_for_long(
    house: House, sink: MailSink, person: int
) -> None:
    ahead = SEVEN + timedelta(days=400)
    with clock.turned(ahead + timedelta(hours=15)):  # the clock runs more than a year ahead, at night there
        house.send(person)
    house.at(ahead + timedelta(hours=15))
    assert sink.mails == []
    house.at(SEVEN + timedelta(hours=3))  # somebody sets it right
    assert len(sink.mails) == 1
    house.at(SEVEN + timedelta(hours=2))  # and an hour back once more
    assert len(sink.mails) == 1


def test_a_clock_set_back_frees_what_a_killed_sender_held(house: House, sink: MailSink, person: int) -> None:
    from core.notify.models import Delivery

    with clock.turned(TWO):
        house.send(person)
    with clock.turned(TWO), hospital_scope(house.hospital), acting(BY):
        from core.notify.domain import plan

        plan.plan(house.receipts()[0].notice, house.hospital)
        Delivery.objects.update(state="sending", claimed_until=TWO + timedelta(days=300))
    house.at(TWO, again=1)
    house.at(TWO + MINUTE)
    assert len(sink.mails) == 1


def test_read_in_the_box_it_is_not_told_again_outside(house: House, sink: MailSink, person: int) -> None:
    night(house, person)
    house.at(NIGHT)
    ask(house.client("doctor"), "POST", "/notices/read-all")
    house.at(SEVEN)
    assert sink.mails == []
    assert house.deliveries()[0].state == "dropped"


class TestDigest:
    """One message a day."""

    @pytest.fixture
    def daily(self, house: House, person: int) -> int:
        """The doctor asks for one message a day."""
        answer = ask(house.client("doctor"), "PUT", "/notices/settings", {"digest": "daily"})
        assert answer.json()["digest"] == "daily"
        return person

    def test_everything_of_a_day_comes_in_one_mail(self, house: House, sink: MailSink, daily: int) -> None:
        for n in range(12):
            with clock.turned(NIGHT - timedelta(hours=n)):
                house.send(daily, key=str(n), what=f"第{n}件")
        house.at(NIGHT)
        house.at(SEVEN + 30 * MINUTE)  # half past seven: not yet the hospital's hour
        assert sink.mails == []
        house.at(SEVEN + 60 * MINUTE, again=3)
        (text,) = sink.texts()
        assert "关于第0件" in text and "还有 2 条" in text
        assert "您有 12 条新消息" in str(sink.mails[0]["Subject"])

    def test_there_is_one_a_day_even_when_the_clock_is_set_back(
        self, house: House, sink: MailSink, daily: int
    ) -> None:
        night(house, daily, key="1")
        house.at(SEVEN + 60 * MINUTE)
        with clock.turned(SEVEN + 70 * MINUTE):
            house.send(daily, key="2")
        house.at(SEVEN + 120 * MINUTE)
        house.at(SEVEN + 61 * MINUTE)
        assert len(sink.mails) == 1
        house.at(SEVEN + timedelta(days=1, hours=1))
        assert len(sink.mails) == 2

    def test_the_urgent_does_not_wait_for_it(self, house: House, sink: MailSink, daily: int) -> None:
        night(house, daily, urgent=True)
        house.at(NIGHT)
        assert len(sink.mails) == 1

    def test_what_was_read_or_finished_is_left_out(self, house: House, sink: MailSink, daily: int) -> None:
        for key in "123":
            night(house, daily, key=key, what=f"第{key}件")
        house.at(NIGHT)
        client = house.client("doctor")
        uid = next(str(row.uid) for row in house.receipts() if row.notice.key == "1")
        ask(client, "POST", f"/notices/{uid}/read")
        with acting(BY):
            resolve(("test.thing", "2"), hospital=house.hospital)
        house.at(SEVEN + 60 * MINUTE)
        (text,) = sink.texts()
        assert "第3件" in text and "第1件" not in text and "第2件" not in text

    def test_nothing_new_no_message(self, house: House, sink: MailSink, daily: int) -> None:
        house.at(SEVEN + 60 * MINUTE)
        assert sink.mails == []

    def test_it_is_one_message_also_with_two_ways_out(
        self, house: House, sink: MailSink, wecom: WeCom, daily: int
    ) -> None:
        house.reach(daily, wecom="LiSi")
        night(house, daily)
        house.at(NIGHT)
        house.at(SEVEN + 60 * MINUTE)
        assert (len(wecom.inbox), len(sink.mails)) == (1, 0)
        assert wecom.inbox[0][1]["textcard"]["url"] == "https://qinglian.example.cn/h/binjiang/notices"


def test_a_table_of_night_duty_is_loaded_whole_or_not_at_all(house: House) -> None:
    code = Post.unscoped.filter(hospital=house.hospital).exclude(source_code="").first().source_code
    good = f"工号,值班日期,下班时间\n{code},2026-11-24,8:00\n{code},2026-11-26,\n"
    assert duty.load(house.hospital, good, by=BY) == {"rows": 2}
    assert duty.load(house.hospital, good, by=BY) == {"rows": 2}
    with hospital_scope(house.hospital):
        assert [row.ends_at for row in NightDuty.objects.order_by("day")] == [
            datetime(2026, 11, 25, 0, 0, tzinfo=UTC),
            datetime(2026, 11, 27, 0, 0, tzinfo=UTC),
        ]
    bad = good + "没有的人,2026-11-24,\n" + f"{code},昨天,\n{code},2026-11-28,晚上\n"
    with pytest.raises(Problem) as found:
        duty.load(house.hospital, bad, by=BY)
    assert [(e.row, e.cell) for e in found.value.errors] == [(4, "工号"), (5, "值班日期"), (6, "下班时间")]
    with pytest.raises(Problem, match="缺少列"):
        duty.load(house.hospital, "姓名\n某某\n", by=BY)
    with hospital_scope(house.hospital):
        assert NightDuty.objects.count() == 2
