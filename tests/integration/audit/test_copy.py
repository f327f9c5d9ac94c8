"""The head's other place: it follows, it never stops the sealing, and it tells of a roll-back of database and file."""

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import transaction

from core.audit import heads, state
from core.audit.events import record
from core.audit.heads import COPY_NAME, head_file
from core.audit.models import Event, Head, Leaf, Sealer
from core.audit.sealer import seal_pending
from core.audit.verify import verify
from core.kernel.context import Actor, acting

BY = Actor("user", "u-1", "护士")


@pytest.fixture
def place(log, settings):
    """Another folder for the heads."""
    settings.HEAD_COPY = log / "elsewhere"
    return settings.HEAD_COPY / COPY_NAME


def write(count):
    for n in range(count):
        with acting(BY):
            record("test.written", "test", str(n), {})
        seal_pending()


def test_the_copy_follows_and_agrees(place):
    write(3)
    assert place.read_bytes() == head_file().read_bytes()
    assert verify().ok and state.health() == ""
    summary = state.summary()
    assert [one["agrees"] for one in summary["copies"]] == [True, True]
    assert summary["unsealed"] == {"rows": 0, "oldest_seconds": 0} and summary["head"]["size"] == 3


def test_a_place_that_cannot_be_written_stops_nothing_and_is_told(place, log):
    write(1)
    place.unlink()
    place.mkdir()  # as a share that is gone: opening fails
    write(2)
    assert Head.objects.count() == 3
    assert "读不到" in state.health() or "不能" in state.health()
    assert verify().first.what == "copy"
    place.rmdir()
    assert heads.copy_heads() == ""
    assert verify().ok and place.read_bytes() == head_file().read_bytes()


def test_database_and_file_rolled_back_together_are_found(place):
    """Consistent in themselves, both put back to an earlier state: only the other place remembers."""
    write(2)
    filed = head_file().read_bytes()
    with transaction.atomic():
        sealer = Sealer.objects.values().get()
    write(3)
    Leaf.objects.filter(number__gte=2).delete()
    Head.objects.filter(size__gt=2).delete()
    Event.objects.filter(kind="test.written").order_by("-id")[:0]
    for event in Event.objects.order_by("-id")[:3]:
        Event.objects.filter(pk=event.pk).delete()
    Sealer.objects.update(size=sealer["size"], frontier=sealer["frontier"], low=sealer["low"], mark=None)
    head_file().write_bytes(filed)
    report = verify()
    assert (report.ok, report.first.what) == (False, "copy")
    assert "回退" in report.first.text and "回退" in state.health()
    write(1)  # another history goes on: the proof is left as it is
    assert len(place.read_bytes().splitlines()) == 5
    assert not verify().ok
    out = StringIO()
    call_command("audit", "copy", "--restart", "--json", stdout=out)
    said = json.loads(out.getvalue())
    assert said["ok"] and (place.parent / said["aside"]).exists()
    assert verify().ok and Event.objects.filter(kind="audit.copy_restarted").exists()


def test_the_command_notes_when_it_verified(place):
    write(2)
    assert state.last_verify() is None
    call_command("audit", "verify", "--json", stdout=StringIO())
    assert state.last_verify()["ok"] is True and state.last_verify()["size"] == 2
    Event.objects.filter(kind="test.written").update(label="x")
    with pytest.raises(SystemExit):
        call_command("audit", "verify", "--json", stdout=StringIO())
    assert state.last_verify()["ok"] is False and "改动" in state.last_verify()["text"]
