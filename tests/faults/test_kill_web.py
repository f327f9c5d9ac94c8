"""Ten kills; `python -m tests.faults.kill_web --kills 200` is the whole."""

from pathlib import Path

import pytest

from tests.faults import kill_web

pytestmark = [pytest.mark.faults, pytest.mark.slow]


def test_no_acknowledged_write_is_lost_when_the_web_is_killed(tmp_path: Path) -> None:
    found = kill_web.run(kills=10, writers=4, seed=7, home=tmp_path, seconds=0.6)
    print(found)
    assert kill_web.is_sound(found), found
    assert found["acknowledged"] > 20
