"""The four forms of policy over random worlds; `python -m tests.policy.worlds --worlds 50000` is the long run."""

from typing import Any

import pytest

from core.policy import decide, predicates, tokens
from core.policy.domain import compose
from tests.policy.worlds import compare

#: Worlds that CI runs: some seconds.
FEW = 240


def test_all_forms_say_what_a_plain_reading_of_the_rules_says() -> None:
    report = compare(FEW, seed=20240315)
    assert report.differences == []
    assert report.worlds == FEW
    assert min(report.counts[what] for what in ("with delegation", "with recusal", "deny rows")) > FEW // 12


def _forget_recusals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide, "recused", lambda recusal, policy: predicates.Never())


def _forget_dates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compose, "in_force", lambda *dates: True)


def _forget_givers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide, "_as_giver", lambda *asked: predicates.Always())


def _tokens_forget_what_is_barred(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "barred", lambda *asked: predicates.Never())


@pytest.mark.parametrize(
    ("fault", "worlds"),
    [(_forget_recusals, 40), (_forget_dates, 40), (_forget_givers, 280), (_tokens_forget_what_is_barred, 40)],
)
def test_a_fault_in_one_place_is_seen(fault: Any, worlds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    fault(monkeypatch)
    assert compare(worlds, seed=7).differences != []
