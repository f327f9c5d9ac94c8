"""Six outages of a few seconds each; `python -m tests.faults.outage --seconds 60` is the whole."""

import pytest

from tests.faults import outage

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.postgres, pytest.mark.redis]


@pytest.mark.parametrize("server", ["postgresql", "redis"])
@pytest.mark.parametrize("mode", ["gone", "slow", "hole"])
def test_an_outage_is_told_loses_nothing_and_ends_by_itself(
    place: outage.Place, server: str, mode: str
) -> None:
    found = outage.run(place, server, mode, 14 if mode == "hole" else 6)
    print(found)
    assert outage.faults(found) == []
