"""A filled house in a data folder of its own, made once; and a way to stand in that one or in an empty place."""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import override_settings

from core.keeping import make, sealed_keys
from core.kernel.context import actor_scope
from core.vault.keys import Key
from tests.integration.keeping.house import BY, fill

PHRASE = "an honest long pass phrase"


@dataclass
class Place:
    """A data folder with its SQLite file, existing or not."""

    home: Path

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.home / "qinglian.sqlite3"

    @contextmanager
    def entered(self) -> Iterator["Place"]:
        """Settings and connection point here for the block."""
        self.home.mkdir(mode=0o700, exist_ok=True)
        before = connection.settings_dict["NAME"]
        connection.close()
        connection.settings_dict["NAME"] = str(self.database)
        try:
            with override_settings(HOME=self.home, BACKUP_DIR=self.home / "backups"):
                yield self
        finally:
            connection.close()
            connection.settings_dict["NAME"] = before

    def counts(self) -> dict[str, int]:
        """Rows of each table, asked of SQLite itself."""
        with closing(sqlite3.connect(self.database)) as file:
            tables = [row[0] for row in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return {name: file.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables}

    def ask(self, sql: str) -> list[Any]:
        """First column of a query."""
        with closing(sqlite3.connect(self.database)) as file:
            return [row[0] for row in file.execute(sql)]

    def hashes(self) -> dict[str, str]:
        """Every file below the folders of content, by hash."""
        return {
            str(path.relative_to(self.home)): hashlib.sha256(path.read_bytes()).hexdigest()
            for folder in ("lake", "files", "media")
            for path in (self.home / folder).rglob("*")
            if path.is_file()
        }

    def everything(self) -> dict[str, str]:
        """Every file of the place, by hash; the lock and what SQLite keeps for readers aside."""
        return {
            str(path.relative_to(self.home)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in self.home.rglob("*")
            if path.is_file() and not path.name.endswith((".lock", "-shm", "-wal"))
        }


@dataclass
class House(Place):
    """The filled place, an archive of it, its keys sealed, and a cell under them."""

    archive: Path
    sealed: Path
    cell: str

    def keyring(self) -> tuple[dict[str, Key], str]:
        """Keys and signing key from the sealed file."""
        return sealed_keys.open_keys(self.sealed, PHRASE)


@pytest.fixture(scope="session")
def house(django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The filled house, on a SQLite file of its own. The drill on PostgreSQL makes its own, too."""
    root = tmp_path_factory.mktemp("house")
    with django_db_blocker.unblock():
        made = House(root / "home", root, root / "keys.sealed", "")
        made.home.mkdir(mode=0o700)
        with made.entered():
            with actor_scope(BY):
                call_command("migrate", interactive=False, verbosity=0)
            made.cell = fill()
            made.archive = Path(make.make(root / "shelf", by=BY).file)
            sealed_keys.seal_keys(made.sealed, PHRASE)
        yield made


@pytest.fixture
def empty(tmp_path: Path, house: House, django_db_blocker: Any) -> Iterator[Place]:
    """An empty place, entered."""
    with django_db_blocker.unblock(), Place(tmp_path / "empty").entered() as place:
        yield place


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The drills of this folder copy a SQLite file; PostgreSQL has its own, marked `postgres`."""
    if connection.vendor == "sqlite":
        return
    here = Path(__file__).parent
    other = [item for item in items if here in item.path.parents and not item.get_closest_marker("postgres")]
    config.hook.pytest_deselected(items=other)
    items[:] = [item for item in items if item not in other]
