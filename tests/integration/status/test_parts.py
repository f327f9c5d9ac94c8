"""Each part of the status page in each state it can have, brought about by what causes it in life."""

import shutil
from collections import namedtuple
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection

from core.audit import sealer
from core.audit.events import record
from core.jobs.domain import emit, submit
from core.jobs.domain.recurring import note_alive
from core.jobs.models import Job, Outbox
from core.keeping import shelf
from core.kernel import clock
from core.kernel.context import Actor, acting
from core.kernel.errors import Problem
from core.org.models import Hospital
from core.status import disk
from core.status.board import board
from core.status.models import Sample
from core.status.registry import Said, State, register_part
from core.vault import keys

pytestmark = pytest.mark.django_db
BY = Actor.system("test")
GB = 10**9
Usage = namedtuple("Usage", "total used free")


def say(key: str) -> Said:
    """What one part says now."""
    return next(row.said for row in board().rows if row.part.key == key)


def figures(key: str) -> dict[str, str]:
    """Label → text of one part."""
    return dict(say(key).figures)


@pytest.fixture
def hospital() -> Hospital:
    with acting(BY):
        return Hospital.objects.create(slug="renhe", name="仁和医院")


def test_every_part_of_the_issue_is_there_and_each_has_a_next_step_when_it_is_not_well() -> None:
    rows = board().rows
    wanted = "web database redis worker relay queue search data disk clock backup drill log keys plugins"
    assert {row.part.key for row in rows} >= set(wanted.split())
    for row in rows:
        assert row.said.text.endswith("。"), row.said.text
        assert (row.said.state is State.OK) == (not row.said.next_step), row


def test_a_worker_that_never_came_or_fell_silent_is_bad_and_one_that_reports_is_well() -> None:
    assert say("worker").state is State.BAD
    assert "还没有启动过" in say("worker").text
    note_alive()
    assert say("worker").state is State.OK
    with clock.turned(datetime.now(UTC) + timedelta(minutes=5)):
        assert say("worker").state is State.BAD
        assert "5 分钟没有报到" in say("worker").text


def test_the_queue_tells_length_and_age(hospital: Hospital) -> None:
    with acting(BY):
        for _ in range(3):
            submit("audit.seal", {}, by=BY, hospital=None)
    assert figures("queue")["排队"] == "3 件"
    assert say("queue").state is State.OK
    for minutes, state in ((5, State.WARN), (45, State.BAD)):
        with clock.turned(datetime.now(UTC) + timedelta(minutes=minutes)):
            assert (say("queue").state, figures("queue")["最久"]) == (state, f"{minutes} 分钟")


def test_a_job_that_failed_today_is_named_and_one_of_last_week_is_not(hospital: Hospital) -> None:
    with acting(BY):
        job = submit("audit.seal", {}, by=BY, hospital=None)
        Outbox.objects.all().delete()
        error = Problem("internal", "不成", 500).body()
        Job.unscoped.filter(pk=job.pk).update(state="failed", finished_at=clock.now(), error=error)
    assert say("queue").state is State.WARN
    assert "封存审计记录" in say("queue").text
    with clock.turned(datetime.now(UTC) + timedelta(days=7)):
        assert say("queue").state is State.OK


def test_what_no_relay_sends_is_told_by_its_age(hospital: Hospital) -> None:
    with acting(BY):
        emit("test.happened", {}, hospital=hospital)
    assert say("relay").state is State.OK
    with clock.turned(datetime.now(UTC) + timedelta(minutes=10)):
        assert say("relay").state is State.WARN
    with clock.turned(datetime.now(UTC) + timedelta(hours=2)):
        assert say("relay").state is State.BAD
        assert "2 小时" in say("relay").text


def test_days_of_disk_left_come_from_the_growth_that_was_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """10 GB a day for six days, 50 GB free: 5 days. Worked by hand."""
    now = datetime.now(UTC)
    with acting(BY):
        for day in range(1, 7):
            Sample.objects.create(
                place="home",
                at=now - timedelta(days=day),
                used=(150 - 10 * day) * GB,
                free=(50 + 10 * day) * GB,
            )
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(200 * GB, 150 * GB, 50 * GB))
    with clock.turned(now):
        found = disk.outlook(disk.places()[0])
        assert found.growth == pytest.approx(10 * GB)
        assert found.days_left == pytest.approx(5)
        assert say("disk").state is State.BAD
        assert "还够 5 天" in say("disk").text
        assert "每天约增 10.0 GB" in figures("disk")["数据目录"]


def test_growth_is_not_guessed_from_less_than_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    with acting(BY):
        at = clock.now() - timedelta(hours=5)
        Sample.objects.create(place="home", at=at, used=0, free=200 * GB)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(200 * GB, 100 * GB, 100 * GB))
    assert disk.outlook(disk.places()[0]).days_left is None
    assert say("disk").state is State.OK


def test_a_full_disk_is_bad_whatever_the_growth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(200 * GB, 199 * GB, GB // 2))
    assert say("disk").state is State.BAD


def test_the_hourly_measurement_is_kept_sixty_days() -> None:
    with clock.turned(datetime.now(UTC) - timedelta(days=61)):
        disk.sample()
    disk.sample()
    assert [one.place for one in Sample.objects.all()] == [place.key for place in disk.places()]


def test_a_clock_set_back_is_found_told_and_harms_no_record() -> None:
    with acting(BY):
        record("test.happened", "test", "1", {})
    sealer.seal_pending()
    assert say("clock").state is State.OK
    with clock.turned(datetime.now(UTC) - timedelta(days=3, hours=1)):
        assert say("clock").state is State.BAD
        assert "相差 3 天" in say("clock").text
        with acting(BY):
            record("test.happened", "test", "2", {})
    assert say("clock").state is State.OK


def test_recurring_work_still_comes_after_the_clock_was_set_back() -> None:
    """What was due "next hour" by a clock of next year must not wait a year."""
    from core.jobs import registry
    from core.jobs.domain.recurring import submit_due

    with clock.turned(datetime.now(UTC) + timedelta(days=365)):
        submit_due()
    with acting(BY):
        Outbox.objects.all().delete()
        Job.unscoped.all().update(state="done", finished_at=clock.now())
    assert registry.recurring()
    assert submit_due() >= len([one for one in registry.recurring() if not one.per_hospital])


def test_the_age_of_the_last_backup(archive: Callable[[datetime], Path]) -> None:
    assert say("backup").state is State.WARN
    assert "还没有备份" in say("backup").text
    now = datetime.now(UTC)
    archive(now - timedelta(hours=60))
    assert say("backup").state is State.WARN
    assert "2 天前" in say("backup").text
    archive(now - timedelta(hours=3))
    assert say("backup").state is State.OK
    with clock.turned(now + timedelta(days=4)):
        assert say("backup").state is State.BAD


def test_an_archive_from_the_future_does_not_hide_that_none_is_made_any_more(
    archive: Callable[[datetime], Path],
) -> None:
    """A clock that once stood a year ahead: its archive is the oldest one, whatever it is dated."""
    now = datetime.now(UTC)
    ahead = archive(now + timedelta(days=365))
    assert say("backup").state is State.WARN
    assert "不知道它有多旧" in say("backup").text
    archive(now - timedelta(days=5))
    assert say("backup").state is State.BAD
    assert "5 天前" in say("backup").text
    fresh = archive(now - timedelta(hours=1))
    assert say("backup").state is State.OK
    found = shelf.newest(shelf.entries(shelf.daily_folder()), now)
    assert found is not None and found.file == str(fresh) != str(ahead)


def test_the_backup_just_made_is_never_the_one_that_goes(archive: Callable[[datetime], Path]) -> None:
    """Seven archives dated next year, and then the clock is set right: by name the new one would be the oldest."""
    now = datetime.now(UTC)
    ahead = [archive(now + timedelta(days=365 + day)) for day in range(7)]
    made = archive(now)
    assert shelf.prune(shelf.daily_folder(), 7, now) == [ahead[0].name]
    assert made.exists()
    with clock.turned(now - timedelta(days=30)):  # and wrongly back again: still the one just made stays
        late = archive(clock.now())
        dropped = shelf.prune(shelf.daily_folder(), 1, clock.now())
        assert late.exists() and len(dropped) == 7


def test_growth_is_seen_also_after_the_clock_was_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows then do not come in the order of their times."""
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(100 * GB, 60 * GB, 40 * GB))
    now = datetime.now(UTC)
    with acting(BY):
        for hours, used in ((2, 59), (48, 40), (1, 60)):
            Sample.objects.create(
                place="home", at=now - timedelta(hours=hours), used=used * GB, free=(100 - used) * GB
            )
    assert disk.outlook(disk.places()[0]).growth == pytest.approx(10 * GB, rel=0.05)


def test_a_broken_archive_is_no_backup(archive: Callable[[datetime], Path]) -> None:
    archive(datetime.now(UTC)).write_bytes(b"half of a file")
    assert "还没有备份" in say("backup").text


def test_the_last_restore_drill_is_told_with_its_end() -> None:
    assert say("drill").state is State.WARN
    assert "还没有做过恢复演练" in say("drill").text
    with acting(BY):
        record("backup.drilled", "backup", "a.qlbackup", {"ok": True, "seconds": 95.0})
    assert say("drill").state is State.OK
    assert figures("drill")["用时"] == "1 分钟"
    with clock.turned(datetime.now(UTC) + timedelta(days=100)):
        assert say("drill").state is State.WARN
    with acting(BY):
        record("backup.drilled", "backup", "b.qlbackup", {"ok": False})
    assert say("drill").state is State.BAD


def test_the_log_is_late_until_it_is_sealed() -> None:
    with acting(BY):
        record("test.happened", "test", "1", {})
    later = datetime.now(UTC) + timedelta(minutes=10)
    with clock.turned(later):
        assert say("log").state is State.WARN
    with clock.turned(later + timedelta(hours=2)):
        assert say("log").state is State.BAD
    while sealer.seal_pending():
        pass
    assert say("log").state is State.OK
    assert figures("log")["未封存"] == "0 条"


def test_a_key_that_others_can_read_is_named() -> None:
    one = keys.current_key("hmac")
    path = Path(django_settings.HOME) / "keys" / f"{one.id}.key"
    assert say("keys").state is State.OK
    path.chmod(0o644)
    keys._read.cache_clear()
    try:
        assert say("keys").state is State.BAD
        assert one.id in say("keys").text
    finally:
        path.chmod(0o600)


def test_a_part_that_fails_spoils_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    from core.status import registry

    monkeypatch.setattr(registry._parts, "known", dict(registry._parts.known))
    register_part("broken", "坏的", lambda: Said(State(1 / 0)), order=1)  # type: ignore[arg-type]
    rows = {row.part.key: row.said for row in board().rows}
    assert rows["broken"].state is State.BAD
    assert rows["keys"].state is State.OK


def test_without_a_database_the_page_still_comes_and_says_so() -> None:
    from django.db import OperationalError

    def away(execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
        raise OperationalError("gone")

    with connection.execute_wrapper(away):
        found = {row.part.key: row.said for row in board().rows}
    assert found["database"].state is State.BAD
    assert found["queue"].text == "数据库没有应答，这一项暂时看不到。"
    assert found["keys"].state is State.OK
