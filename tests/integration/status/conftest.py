"""A world with every role, and archives that the shelf can list."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from core.keeping.archive import Seal
from core.testing.world import World
from core.vault.keys import current_key


@pytest.fixture
def world(db: None) -> World:
    """Two small hospitals."""
    return World.small()


@pytest.fixture
def archive(tmp_path: Path, settings: Any) -> Callable[[datetime], Path]:
    """Writes an (empty, but well-formed and sealed) archive of that instant into the folder of daily backups."""
    settings.BACKUP_DIR = tmp_path / "backups"
    settings.BACKUP_DIR.mkdir()

    def write(at: datetime) -> Path:
        path = settings.BACKUP_DIR / f"qinglian-{at:%Y%m%dT%H%M%SZ}-daily.qlbackup"
        with path.open("wb") as out:
            Seal(out, current_key("backup"), {"made_at": at.isoformat(), "kind": "daily"}).finish()
        return path

    return write


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Two incident drills borrow the filled house of the backups, which is a SQLite file."""
    if connection.vendor == "sqlite":
        return
    borrowed = Path(__file__).with_name("test_incidents.py")
    other = [item for item in items if item.path == borrowed and "house" in getattr(item, "fixturenames", ())]
    config.hook.pytest_deselected(items=other)
    items[:] = [item for item in items if item not in other]
