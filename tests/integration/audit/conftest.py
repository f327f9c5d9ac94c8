"""How many random alterations the drill makes: `pytest tests/integration/audit --tampers 500`."""

import pytest

from core.audit.testing import named_actor, own_log


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--tampers", type=int, default=60, help="random alterations of each kind that verify must find"
    )


@pytest.fixture
def tampers(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--tampers", default=60))


@pytest.fixture
def log(db, tmp_path):
    """An empty log in a data folder of its own."""
    with own_log(tmp_path):
        yield tmp_path


@pytest.fixture
def transactional_log(transactional_db, tmp_path):
    """The same outside a test transaction."""
    with own_log(tmp_path), named_actor():
        yield tmp_path
