"""Somebody with full rights on the database, but without the key and the head file, changes history at random places."""

import random

import pytest
from django.db import transaction

from core.audit.heads import head_file
from core.audit.models import Change, Event
from core.audit.verify import verify
from tests.integration.audit import tampering


@pytest.fixture
def history(log):
    """Some sixty rows of both kinds, sealed in nine steps."""
    return tampering.make_history()


def test_edits(history, tampers):
    _drill(history, tampers, tampering.edit)


def test_deletions(history, tampers):
    _drill(history, tampers, tampering.delete)


def test_reorderings(history, tampers):
    _drill(history, tampers, tampering.reorder)


def test_roll_backs(history, tampers):
    _drill(history, tampers, tampering.roll_back)


def _drill(history, tampers, alter):
    filed = head_file().read_bytes()
    for seed in range(tampers):
        dice = random.Random(seed)
        with transaction.atomic():
            lowest, exact = alter(dice, history)
            report = verify()
            assert not report.ok, f"{alter.__name__} {seed} was not found"
            number = report.first.number
            if exact:
                assert number == lowest, (alter.__name__, seed, report.first)
            else:  # hashes were recomputed too: only the heads tell, so the place is known to one sealing step
                assert number <= lowest < tampering.next_head(number), (alter.__name__, seed, report.first)
            transaction.set_rollback(True)
        head_file().write_bytes(filed)
    assert verify().ok


def test_the_history_holds_both_kinds(history):
    assert {leaf.kind for leaf in history} == {"C", "E"}
    assert len(history) == Change.objects.count() + Event.objects.count() >= 60
