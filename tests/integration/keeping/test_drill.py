"""The drill: back up, put back into an empty place, compare from outside. And what goes on meanwhile."""

import hashlib
import json
import os
import signal
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, connections

from core.audit.events import record
from core.audit.guard import check_triggers
from core.audit.models import Event
from core.audit.verify import verify
from core.files.models import StoredFile
from core.jobs.domain.submit import submit
from core.jobs.models import Job
from core.jobs.registry import get_kind, recurring
from core.jobs.testing import run_pending
from core.keeping import drill, make, read, restore, shelf, swap
from core.kernel import clock
from core.kernel.context import acting
from core.kernel.errors import Problem
from core.lake.models import MonthVersion
from core.vault.cells import open_cell
from core.vault.keys import current_key
from tests.integration.keeping.conftest import House, Place
from tests.integration.keeping.house import BY, LETTER, PLACE


def put_back(house: House, archive: Path | None = None, **options: Any) -> restore.Report:
    keys, signing = house.keyring()
    return restore.restore(archive or house.archive, by=BY, keys=keys, signing=signing, **options)


def test_what_comes_back_is_what_was_there(house: House, empty: Place) -> None:
    report = put_back(house)
    assert report.differences == report.gaps == []
    counts, before = empty.counts(), house.counts()
    # the backup's own event was written after the copy, the restore's after the comparison
    assert counts["audit_event"] == before["audit_event"]
    assert counts == before
    assert report.rows == sum(before.values()) - before["sqlite_sequence"] - 1
    # exactly what the rows name: the file that no row names stays behind
    left = {name: digest for name, digest in house.hashes().items() if name != "lake/stray.parquet"}
    assert empty.hashes() == left
    assert len([name for name in left if name.startswith("lake/")]) == 3
    assert hashlib.sha256(LETTER).hexdigest() in left.values()
    assert (empty.home / "log-heads.jsonl").read_bytes() == (house.home / "log-heads.jsonl").read_bytes()
    query = "SELECT root FROM audit_head ORDER BY id DESC LIMIT 1"
    assert empty.ask(query) == house.ask(query) == [report.head["root"]]
    assert verify().ok
    assert open_cell(house.cell, **PLACE) == "身份证号"
    assert Event.objects.filter(kind="backup.restored").count() == 1
    assert all(path.stat().st_mode & 0o077 == 0 for path in empty.home.rglob("*") if path.is_file())
    assert not (empty.home / ".keeping").exists() and not list(empty.home.glob("before-restore*"))


def test_the_restored_place_can_go_on(house: House, empty: Place) -> None:
    put_back(house)
    with acting(BY):
        record("test.after", "test", "1", {})
    (row,) = StoredFile.unscoped.filter(name="函.bin")
    assert (empty.home / "files" / row.sha256[:2] / row.sha256).read_bytes() == LETTER
    again = Path(make.make(empty.home / "shelf", by=BY).file)
    assert read.verify(again).gaps == []


def test_writers_do_not_wait_and_the_copy_is_of_one_moment(
    house: House, empty: Place, tmp_path: Path
) -> None:
    put_back(house)
    going, worst, errors, written = threading.Event(), [0.0], [], [0]

    def write() -> None:
        try:
            while not going.is_set():
                began = time.monotonic()
                with acting(BY):  # two rows that belong together
                    record("test.pair", "test", "a", {})
                    record("test.pair", "test", "b", {})
                worst[0], written[0] = max(worst[0], time.monotonic() - began), written[0] + 1
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=write) for _ in range(3)]
    for thread in threads:
        thread.start()
    while written[0] < 20:
        time.sleep(0.01)
    archives = [Path(make.make(tmp_path / "shelf", by=BY).file) for _ in range(3)]
    after = written[0]
    going.set()
    for thread in threads:
        thread.join()
    assert not errors and after > 60 and worst[0] < 5, (errors, after, worst)
    for number, archive in enumerate(archives):
        place = Place(tmp_path / f"place-{number}")
        with place.entered():
            report = put_back(house, archive)
        assert report.differences == []
        assert place.ask("SELECT count(*) % 2 FROM audit_event WHERE kind = 'test.pair'") == [0]
        assert place.ask("SELECT count(*) FROM audit_event WHERE kind = 'test.pair'") > [0]


def test_heads_sealed_after_the_copy_stay_out(house: House, empty: Place, tmp_path: Path) -> None:
    """The second place may be ahead of the copy: its later lines belong to a later state."""
    put_back(house)
    with (empty.home / "log-heads.jsonl").open("a") as file:
        file.write(json.dumps({"size": 10**6, "root": "00", "at": "2026-01-01T00:00:00+00:00"}) + "\n")
    archive = Path(make.make(tmp_path / "shelf", by=BY).file)
    other = Place(tmp_path / "other")
    with other.entered():
        assert put_back(house, archive).differences == []


def test_replace_moves_the_old_aside(house: House, empty: Place) -> None:
    put_back(house)
    with acting(BY):
        record("test.later", "test", "1", {})
    own = current_key("hmac").id
    report = put_back(house, replace=True)
    assert report.ok
    aside = Path(report.aside)
    assert (aside / "qinglian.sqlite3").exists() and (aside / "files").is_dir() and (aside / "lake").is_dir()
    assert not Event.objects.filter(kind="test.later").exists()
    old = Place(aside)
    assert old.ask("SELECT count(*) FROM audit_event WHERE kind = 'test.later'") == [1]
    assert current_key("hmac").id == own


def test_another_installations_keys_step_aside(house: House, empty: Place) -> None:
    """A key of the same name that was made here must not become the one that new hashes are made with."""
    (empty.home / "keys").mkdir(mode=0o700)
    stranger = empty.home / "keys" / "hmac-0009-ffffffff.key"
    stranger.write_text("A" * 43 + "=")
    stranger.chmod(0o600)
    report = put_back(house)
    assert report.ok and not stranger.exists()
    assert (Path(report.aside) / "keys" / stranger.name).exists()


def test_a_place_with_data_is_refused_and_untouched(house: House, empty: Place) -> None:
    put_back(house)
    connection.close()
    before = empty.everything()
    with pytest.raises(Problem, match="REPLACE=1"):
        put_back(house)
    connection.close()
    assert empty.everything() == before


def test_a_crash_while_switching_is_carried_on(house: House, empty: Place, monkeypatch: Any) -> None:
    """Killed at each rename in turn: there is never a database over half the files, and the next restore finishes."""
    real, at = os.rename, 0

    class Killed(BaseException):
        pass

    for at in range(5):
        done = []

        def rename(a: Any, b: Any, stop: int = at, done: list[int] = done) -> None:
            if str(b).endswith((".sqlite3", "lake", "files", "media", ".jsonl")):
                if len(done) == stop:
                    raise Killed
                done.append(1)
            real(a, b)

        place = Place(empty.home.parent / f"killed-{at}")
        with place.entered():
            monkeypatch.setattr(swap.os, "rename", rename)
            with pytest.raises(Killed):
                put_back(house)
            monkeypatch.setattr(swap.os, "rename", real)
            connection.close()
            assert not place.database.exists()
            with pytest.raises(Problem, match="中断"):
                make.make(place.home / "shelf", by=BY)
            with pytest.raises(Problem, match="已有数据"):  # carried on first; then it is no empty place
                put_back(house)
            assert verify().ok
            assert place.counts() | {"audit_event": 0} == house.counts() | {"audit_event": 0}


def test_missing_and_damaged_files_are_told_and_do_not_stop_the_backup(
    house: House, empty: Place, tmp_path: Path
) -> None:
    put_back(house)
    version = MonthVersion.unscoped.order_by("id")[0]
    (empty.home / "lake" / version.path).unlink()
    blob = StoredFile.unscoped.get(name="函.bin").sha256
    damaged = empty.home / "files" / blob[:2] / blob
    damaged.write_bytes(b"x" + LETTER[1:])
    made = make.make(tmp_path / "shelf", by=BY)
    assert sorted(gap.partition("：")[0] for gap in made.gaps) == sorted(
        [f"lake/{version.path}", f"files/{blob[:2]}/{blob}"]
    )
    assert read.verify(Path(made.file)).gaps == made.gaps
    with Place(tmp_path / "other").entered():
        report = put_back(house, Path(made.file))
    assert report.ok and report.gaps == made.gaps


def test_the_daily_job_keeps_seven(house: House, empty: Place) -> None:
    put_back(house)
    folder = shelf.daily_folder()
    folder.mkdir()
    for day in range(1, 9):
        (folder / f"qinglian-202601{day:02d}T010000Z-daily.qlbackup").write_bytes(b"old")
    (folder / "qinglian-20250101T010000Z-manual.qlbackup").write_bytes(b"by hand")
    (folder / "of somebody else.qlbackup").write_bytes(b"theirs")
    with acting(BY):
        job = submit("backup.daily", {}, by=BY, hospital=None)
    run_pending()
    done = Job.unscoped.get(pk=job.pk)
    assert done.state == "done", done.error
    assert len(done.result["dropped"]) == 2
    found = shelf.entries(folder)
    assert len([one for one in found if "-daily" in one.file]) == 7
    assert Path(done.result["file"]).exists()
    assert len(found) == 9
    sound = [one for one in found if not one.problem]
    assert [one.file for one in sound] == [done.result["file"]]


def test_what_a_killed_backup_leaves_is_gone_with_the_next_one(
    house: House, empty: Place, tmp_path: Path, monkeypatch: Any
) -> None:
    """Its draft is as large as a backup: the next attempt, a minute later, must not run out of disk over it."""
    put_back(house)
    folder = tmp_path / "shelf"
    others = folder / ".qinglian-20260101T010000Z-daily.qlbackup.part"  # another installation writes it now
    folder.mkdir()
    others.write_bytes(b"theirs")
    connections.close_all()
    child = os.fork()
    if child == 0:
        monkeypatch.setattr(read, "verify", lambda *args, **named: os.kill(os.getpid(), signal.SIGKILL))
        try:
            make.make(folder, by=BY)
        finally:
            os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert len(list(folder.glob(".*.part"))) == 2
    made = make.make(folder, by=BY)
    assert list(folder.glob(".*.part")) == [others]
    assert [Path(one.file) for one in shelf.entries(folder)] == [Path(made.file)]


def test_the_daily_backup_waits_for_its_hour(house: House, empty: Place, settings: Any) -> None:
    """Shanghai is eight hours ahead: 17:30 UTC is 01:30 there, 18:10 is 02:10 of the same day."""
    put_back(house)
    settings.BACKUP_HOUR = 2
    assert "backup.due" in [one.kind for one in recurring()]
    due = get_kind("backup.due")
    assert due is not None

    class Context:
        actor = BY

    def daily() -> int:
        return Job.unscoped.filter(kind="backup.daily").count()

    at = [datetime(2026, 3, 1, 17, 30, tzinfo=UTC), datetime(2026, 3, 1, 18, 10, tzinfo=UTC)]
    before = daily()
    shelf.daily_folder().mkdir(exist_ok=True)
    (shelf.daily_folder() / "qinglian-20260101T010000Z-daily.qlbackup").write_bytes(b"old")
    with clock.turned(at[0]):
        due.run(Context())  # type: ignore[arg-type]
    assert daily() == before
    for _ in range(3):
        with clock.turned(at[1]):
            due.run(Context())  # type: ignore[arg-type]
    assert daily() == before + 1, "once a day"
    with clock.turned(at[1] + timedelta(days=1)):
        due.run(Context())  # type: ignore[arg-type]
    assert daily() == before + 2


def test_the_drill_restores_in_a_process_of_its_own_and_is_noted(
    house: House, empty: Place, tmp_path: Path, monkeypatch: Any
) -> None:
    put_back(house)
    made = make.make(shelf.daily_folder(), by=BY)
    before = empty.hashes()
    done = drill.drill(by=BY, place=tmp_path)
    assert (done.ok, done.differences) == (True, []), done
    assert done.rows == made.rows and done.files == made.files and done.head == (made.head or {})["size"]
    assert Event.objects.get(kind="backup.drilled").data["ok"] is True
    assert empty.hashes() == before and not list(tmp_path.glob("qinglian-drill-*"))
    cut = shelf.daily_folder() / "qinglian-20990101T010000Z-manual.qlbackup"
    whole = Path(made.file).read_bytes()
    cut.write_bytes(whole[: len(whole) // 2])
    failed = drill.drill(cut, by=BY, place=tmp_path)
    assert not failed.ok and failed.differences
    assert Event.objects.filter(kind="backup.drilled").latest("id").data["ok"] is False


def test_two_at_once_are_refused(house: House, empty: Place) -> None:
    put_back(house)
    with shelf.alone(), pytest.raises(Problem, match="正在进行"):
        make.make(empty.home / "shelf", by=BY)


def test_on_the_command_line(house: House, empty: Place, capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("QINGLIAN_KEYS_PASSPHRASE", "another long pass phrase")
    put_back(house)
    call_command("backup", "make", "--to", str(empty.home / "shelf"), "--json")
    made = json.loads(capsys.readouterr().out)
    assert made["gaps"] == [] and len(made["notes"]) == 1 and "backup keys" in made["notes"][0]
    call_command("backup", "keys", "--to", str(empty.home / "keys.sealed"), "--json")
    assert made["key"] in json.loads(capsys.readouterr().out)["keys"]
    call_command("backup", "make", "--to", str(empty.home / "shelf"), "--json")
    assert json.loads(capsys.readouterr().out)["notes"] == []
    call_command("backup", "list", "--in", str(empty.home / "shelf"), "--json")
    listed = json.loads(capsys.readouterr().out)
    assert made["file"] in [one["file"] for one in listed] and len(listed) == 2
    call_command("backup", "verify", made["file"], "--json")
    assert json.loads(capsys.readouterr().out)["rows"] == made["rows"]
    with pytest.raises(CommandError, match="已有数据"):
        call_command("backup", "restore", made["file"])
    with Place(empty.home.parent / "third").entered():
        call_command(
            "backup", "restore", made["file"], "--keys", str(empty.home / "keys.sealed"), "--json"
        )  # fmt: skip
        assert json.loads(capsys.readouterr().out)["ok"] is True


def test_triggers_of_another_version_are_made_again(house: House, empty: Place, tmp_path: Path) -> None:
    """A program may change triggers without a migration; the archive has those of its day."""
    put_back(house)
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER qinglian_update_org_person")
    archive = Path(make.make(tmp_path / "shelf", by=BY).file)
    with Place(tmp_path / "other").entered():
        report = put_back(house, archive)
        assert report.ok and "触发器" in report.notes[0], report.differences
        assert check_triggers() == []
