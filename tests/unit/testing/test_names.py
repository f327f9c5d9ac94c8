"""Invented names: enough, unique, and of a kind that the calendar cycle does not have."""

from itertools import islice

from core.testing import names


def test_names_of_two_thousand_people_are_unique_and_never_pairs_of_the_sixty_year_cycle() -> None:
    cycle = {names.STEMS[n % 10] + names.BRANCHES[n % 12] for n in range(60)}
    people = list(islice(names.people(), 2000))
    assert len(set(people)) == 2000
    assert len(names.GIVEN) == 60 and not cycle & set(names.GIVEN)
    assert {len(name) for name in people} == {3}


def test_items_have_names_of_their_own() -> None:
    titles = names.drugs(500) + names.drugs(60, names.ANTIBACTERIAL_STEMS) + names.consumables(150)
    assert len(set(titles)) == len(titles)
