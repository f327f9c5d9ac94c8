"""Ids, money, clock: small things on which everything stands."""

import time
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.kernel import clock, ids, money
from core.kernel.context import (
    Actor,
    HospitalRef,
    acting,
    actor_scope,
    current_actor,
    current_hospital,
    hospital_scope,
)


def test_uids_are_version_7_and_sort_as_they_were_made() -> None:
    made = []
    for _ in range(50):
        made.append(ids.new_uid())
        time.sleep(0.0011)
    assert {uid.version for uid in made} == {7} and made == sorted(made)
    assert sorted(str(uid) for uid in made) == [str(uid) for uid in made]
    assert abs((made[0].int >> 80) / 1000 - time.time()) < 60, "the time stands in it"


def test_random_uids_tell_no_time() -> None:
    made = [ids.random_uid() for _ in range(100)]
    assert {uid.version for uid in made} == {4} and made != sorted(made)


@pytest.mark.parametrize(
    ("yuan", "fen"),
    [
        ("0.005", 1),
        ("0.004", 0),
        ("1.005", 101),
        ("2.675", 268),
        ("-0.005", -1),
        ("-1.014", -101),
        ("12345678901.23", 1234567890123),
    ],
)
def test_yuan_becomes_whole_fen_half_up(yuan: str, fen: int) -> None:
    assert money.to_fen(Decimal(yuan)) == fen


@given(st.integers(-(10**15), 10**15))
def test_fen_and_prices_come_back_unchanged(whole: int) -> None:
    assert money.to_fen(money.from_fen(whole)) == whole
    assert money.to_price(money.from_price(whole)) == whole
    assert str(money.from_fen(whole)).rpartition(".")[2].isdigit()


@pytest.mark.parametrize(
    ("typed", "yuan"), [("1,234.5", "1234.5"), ("￥20", "20"), (" 3.10 元", "3.10"), ("1，000", "1000")]
)
def test_what_people_type_is_an_amount(typed: str, yuan: str) -> None:
    assert money.parse_yuan(typed) == Decimal(yuan)


@pytest.mark.parametrize("typed", ["", "两元", "nan", "Infinity", "1.2.3", "--1"])
def test_what_is_no_amount_is_refused(typed: str) -> None:
    with pytest.raises(ValueError):
        money.parse_yuan(typed)


def test_the_clock_turns_for_the_block_and_comes_back() -> None:
    at = datetime(2024, 12, 31, 16, 30, tzinfo=UTC)
    with clock.turned(at):
        assert clock.now() == at
        assert clock.today() == date(2025, 1, 1), "the business date is the hospital's"
        assert clock.today("UTC") == date(2024, 12, 31)
    assert abs((clock.now() - datetime.now(UTC)).total_seconds()) < 5
    with pytest.raises(ValueError), clock.turned(datetime(2024, 1, 1)):  # noqa: DTZ001
        pass


def test_actor_and_hospital_end_with_their_block_also_after_an_error() -> None:
    outer, inner = Actor.system("outer"), Actor.system("inner")
    with actor_scope(outer), hospital_scope(HospitalRef(1, "a")):
        with pytest.raises(RuntimeError), actor_scope(inner), hospital_scope(HospitalRef(2, "b")):
            assert current_actor() == inner and current_hospital() == HospitalRef(2, "b")
            raise RuntimeError
        assert current_actor() == outer and current_hospital() == HospitalRef(1, "a")
    assert current_actor() is None and current_hospital() is None


@pytest.mark.django_db
def test_acting_is_one_transaction_that_fails_as_one() -> None:
    from core.org.models import Person

    with pytest.raises(RuntimeError), acting(Actor.system("test")):
        Person.objects.create(name="半途", sort_key="bantu")
        raise RuntimeError
    assert not Person.objects.filter(name="半途").exists()
