"""Verification while rows are written and sealed: no false alarm, and what it says of itself is true."""

import pytest

from core.api import wiring
from core.audit import sealer, state, verify
from core.audit.events import record
from core.audit.models import Event, Head, Leaf
from core.audit.sealer import seal_pending
from core.kernel.context import Actor, acting

BY = Actor("user", "u-1", "护士")


def write(count):
    with acting(BY):
        for n in range(count):
            record("test.written", "test", str(n), {})


@pytest.fixture
def sealing_meanwhile(log, monkeypatch):
    """Rows written and sealed at the moment in which `verify` looks at the second place, the leaves or the sealer."""
    steps = []

    def after(module, name):
        real = getattr(module, name)

        def then(*args, **named):
            found = real(*args, **named)
            if steps:
                steps.pop()
                write(3)
                seal_pending()
            return found

        monkeypatch.setattr(module, name, then)

    return steps, after


@pytest.mark.parametrize("moment", ["filed_heads", "hashes"])
def test_what_is_sealed_meanwhile_is_no_false_alarm_and_is_walked_too(sealing_meanwhile, moment):
    steps, after = sealing_meanwhile
    write(5)
    seal_pending()
    after(verify, moment)
    steps += [1, 1]
    report = verify.verify()
    assert (report.ok, [one.text for one in report.findings]) == (True, [])
    assert not steps or moment == "filed_heads"
    assert report.size == Leaf.objects.count() > 5
    assert report.heads == Head.objects.count()


def test_leaves_that_nobody_signed_are_still_found(log):
    write(5)
    seal_pending()
    first = Leaf.objects.get(number=0)
    Leaf.objects.create(number=5, kind=first.kind, row=10**6, hash=first.hash)
    report = verify.verify()
    assert not report.ok
    assert "数据库中最后一次封存的签名不见了" in [one.text for one in report.findings]


def test_the_nightly_verification_seals_first_and_says_how_many(log):
    """After a demonstration is loaded everything waits for its seal; the page said 0 rows beside a head of thousands."""
    write(40)
    assert wiring._verify(None) == {"ok": True, "size": 40}
    summary = state.summary()
    assert summary["head"]["size"] == summary["last_verify"]["size"] == 40
    assert summary["last_verify"]["text"] == "已封存的 40 条逐条核对，完整。"


def test_rows_another_sealer_holds_are_told_not_left_out(log, monkeypatch):
    write(2)
    seal_pending()
    write(3)
    sealer._claim("default")  # another process is at it and does not end
    assert state.seal_all(patience=0.05) == 3
    state.verify_and_note()
    assert state.last_verify()["text"] == "已封存的 2 条逐条核对，完整。核对时另有 3 条等待封存，下次核对。"


def test_nothing_sealed_yet_is_not_called_whole(log):
    Event.objects.all().delete()
    write(2)
    state.verify_and_note()
    assert state.last_verify()["text"] == "还没有封存的记录可以核对。核对时另有 2 条等待封存，下次核对。"
