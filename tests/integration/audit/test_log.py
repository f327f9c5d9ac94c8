"""The sealed log: sealing, proofs, the second place, and what verify finds."""

import json
import threading
import time
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from core.audit import merkle
from core.audit.events import NoActor, read_event, record, viewers
from core.audit.heads import head_file
from core.audit.models import Change, Event, Head, Kind, Leaf, Sealer
from core.audit.sealer import seal_pending
from core.audit.verify import prove_growth, prove_row, verify
from core.kernel.context import Actor, acting, actor_scope
from core.org.models import Person

NURSE = Actor("user", "u-1", "护士")


class Reader:
    """What `read_event` needs of a principal."""

    user_id, person_id, hospital_id, label = 7, 8, 1, "李检查"


def _write(count):
    with acting(NURSE):
        for n in range(count):
            Person.objects.create(name=f"甲{n}", sort_key="jia")
        record("person.added", "person", "p-1", {"count": count})


def _seal_all():
    total = 0
    while count := seal_pending():
        total += count
    return total


def test_sealing_numbers_every_row_once(log):
    _write(20)
    assert verify().unsealed == 21
    assert seal_pending(limit=8) == 8
    assert _seal_all() == 13
    assert seal_pending() == 0
    assert list(Leaf.objects.order_by("number").values_list("number", flat=True)) == list(range(21))
    report = verify()
    assert (report.ok, report.size, report.unsealed, report.heads, report.heads_in_file) == (
        True,
        21,
        0,
        2,
        2,
    )


def test_the_tree_is_the_one_of_rfc_6962(log):
    _write(12)
    _seal_all()
    leaves = [bytes(value) for value in Leaf.objects.order_by("number").values_list("hash", flat=True)]
    assert Head.objects.last().root == merkle.root(leaves).hex()


def test_a_leaf_can_be_recomputed_by_hand(log):
    with acting(NURSE):
        event = record("warning.opened", "warning", "w-1", {"b": "乙", "a": 1}, hospital=3)
    _seal_all()
    at = event.at.isoformat(timespec="microseconds")
    text = (
        f'["event",{event.pk},"{event.uid}","warning.opened","warning","w-1",3,"{at}","user:u-1","护士",'
        '{"a":1,"b":"乙"}]'
    )
    assert bytes(Leaf.objects.get().hash) == merkle.leaf_hash(text.encode())


def test_proofs_from_the_log_hold(log):
    _write(9)
    seal_pending(limit=4)
    old = Head.objects.last()
    _seal_all()
    head = Head.objects.last()
    event = Event.objects.get(kind="person.added")
    proof = prove_row(Kind.EVENT, event.pk)
    assert proof["root"] == head.root
    path = [bytes.fromhex(node) for node in proof["proof"]]
    leaf, root = bytes.fromhex(proof["leaf"]), bytes.fromhex(proof["root"])
    assert merkle.includes(leaf, proof["number"], proof["size"], path, root)
    growth = prove_growth(old.size)
    nodes = [bytes.fromhex(node) for node in growth["proof"]]
    assert growth["old_root"] == old.root
    assert merkle.extends(old.size, bytes.fromhex(old.root), head.size, root, nodes)


def test_a_crash_between_commit_and_file_is_made_good(log):
    _write(5)
    seal_pending(limit=3)
    seal_pending(limit=3)
    lines = head_file().read_text().splitlines(keepends=True)
    head_file().write_text(lines[0] + lines[1][:40])  # the second line cut in the middle
    report = verify()
    assert not report.ok  # an unreadable line is reported
    head_file().write_text(lines[0])
    report = verify()
    assert report.ok
    assert "落后" in report.notes[0]
    seal_pending()
    assert head_file().read_text().splitlines(keepends=True) == lines


def test_one_sealer_at_a_time(log):
    _write(5)
    seal_pending(limit=1)
    Sealer.objects.update(lease_token="0" * 32, lease_until="2999-01-01T00:00:00Z")
    assert seal_pending() == 0
    Sealer.objects.update(lease_until="2020-01-01T00:00:00Z")
    assert seal_pending() == 5
    assert Sealer.objects.get().lease_token is None


def test_another_key_or_a_lost_key_is_found(log):
    _write(3)
    _seal_all()
    (key,) = (log / "keys").glob("log-*.key")
    kept = key.rename(log / "kept")
    from core.vault import keys

    keys._read.cache_clear()
    assert verify().first.what == "key"
    kept.rename(key)
    assert verify().ok
    Head.objects.update(signature="00" * 64)
    assert verify().first.what == "signature"


def test_a_lost_second_place_is_found(log):
    _write(3)
    _seal_all()
    head_file().unlink()
    assert verify().first.what == "file"


@pytest.mark.django_db(transaction=True)
def test_writers_and_sealers_together(transactional_log):
    """Three sealers and two writers: every row has one number and the log holds."""
    errors = []

    def guarded(work):
        def run():
            try:
                work()
            except Exception as error:
                errors.append(error)
            finally:
                connection.close()

        return run

    def write():
        for _ in range(8):
            _write(5)

    def seal():
        for _ in range(25):
            seal_pending(limit=20)

    threads = [threading.Thread(target=guarded(work)) for work in (write, write, seal, seal, seal)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    _seal_all()
    assert errors == []
    report = verify()
    assert (report.findings, report.unsealed) == ([], 0)
    assert Leaf.objects.count() == Change.objects.count() + Event.objects.count()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_row_that_commits_late_is_sealed_too(transactional_log, monkeypatch):
    """On PostgreSQL a transaction may commit after later ids were sealed and settled."""
    from datetime import timedelta

    monkeypatch.setattr("core.audit.sealer.SETTLE", timedelta(0))
    wrote, go = threading.Event(), threading.Event()

    def slow():
        try:
            with acting(NURSE):
                Person.objects.create(name="慢", sort_key="man")
                wrote.set()
                go.wait(20)
        finally:
            connection.close()

    thread = threading.Thread(target=slow)
    thread.start()
    wrote.wait(20)
    _write(3)
    for _ in range(5):
        seal_pending()
    go.set()
    thread.join()
    assert verify().unsealed == 1
    assert seal_pending() == 1
    highest = {"C": Change.objects.latest("id").pk, "E": Event.objects.latest("id").pk}
    until = (
        time.monotonic() + 300
    )  # settling waits for every transaction of the server, also of tests beside this one
    while Sealer.objects.get().low != highest and time.monotonic() < until:
        seal_pending()
        time.sleep(0.05)
    assert Sealer.objects.get().low == highest
    assert (verify().ok, verify().unsealed) == (True, 0)


def test_an_event_needs_an_actor_and_ends_with_its_command(log):
    with pytest.raises(NoActor):
        record("x", "person", "1", {})
    with pytest.raises(RuntimeError, match="stop"), acting(NURSE):
        record("x", "person", "1", {})
        raise RuntimeError("stop")
    assert not Event.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_event_needs_a_transaction(transactional_log):
    with actor_scope(NURSE), pytest.raises(NoActor):
        record("x", "person", "1", {})


@pytest.mark.django_db(transaction=True)
def test_a_reading_is_one_insert_and_needs_no_transaction(transactional_log, django_assert_num_queries):
    with actor_scope(None), django_assert_num_queries(1) as seen:
        read_event(Reader(), "warning", "w-1", reason="核查")
    assert seen.captured_queries[0]["sql"].lstrip().startswith("INSERT INTO")


def test_who_has_read_it(log):
    with actor_scope(None):
        read_event(Reader(), "warning", "w-1")
        read_event(Reader(), "warning", "w-1", reason="核查")
        read_event(Reader(), "warning", "w-2")
    with actor_scope(NURSE):
        read_event(Reader(), "warning", "w-1")
    found = viewers("warning", "w-1")
    assert {(one.actor, one.label, one.times) for one in found} == {
        ("user:7", "李检查", 2),
        ("user:u-1", "护士", 1),
    }
    assert found[0].first_at <= found[0].last_at
    assert Event.objects.get(data__reason="核查").hospital == 1


def test_the_command_line(log):
    _write(3)
    assert _command("seal") == {"sealed": 4}
    found = _command("verify")
    assert (found["ok"], found["size"], found["first"]) == (True, 4, None)
    assert _command("triggers") == {"ok": True, "problems": []}
    with connection.cursor() as cursor:
        cursor.execute("UPDATE audit_event SET label = 'x'")
    with pytest.raises(SystemExit) as stop:
        _command("verify")
    assert stop.value.code == 1
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("audit", "verify", stdout=out)
    assert "发现 1 处不符，最先的一处：第 3 条（业务事件" in out.getvalue()


def _command(verb):
    out = StringIO()
    with transaction.atomic():
        call_command("audit", verb, "--json", stdout=out)
    return json.loads(out.getvalue())
