"""A consistent copy of the database while web and worker go on, and putting one back. SQLite and PostgreSQL.

SQLite: the online backup API in one step inside one read transaction of WAL, so that writers wait for nothing.
PostgreSQL: `pg_dump` of an exported snapshot, in which rows are counted and named too.
"""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connections

from core.kernel.disk import disk_full
from core.kernel.errors import Unavailable

Tick = Callable[[], None]


class Snapshot:
    """One state of the database: a file to be archived, and questions answered from the same state."""

    def __init__(self, vendor: str, file: Path, ask: Callable[[str], Iterator[Sequence[Any]]]) -> None:
        self.vendor, self.file, self._ask = vendor, file, ask

    @property
    def member(self) -> str:
        """Name of the file in the archive."""
        return MEMBERS[self.vendor]

    def rows(self, sql: str) -> Iterator[Sequence[Any]]:
        """The answer of a query without parameters."""
        return self._ask(sql)

    def tables(self) -> list[str]:
        """All tables but virtual ones (their shadow tables are counted)."""
        return [row[0] for row in self._ask(TABLES[self.vendor])]

    def counts(self) -> dict[str, int]:
        """Rows of each table."""
        return {table: next(self._ask(f"SELECT count(*) FROM {quoted(table)}"))[0] for table in self.tables()}


MEMBERS = {"sqlite": "database.sqlite3", "postgresql": "database.pgdump"}
TABLES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    " AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name",
    "postgresql": "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename",
}


@contextmanager
def snapshot(folder: Path, tick: Tick) -> Iterator[Snapshot]:
    """The state of now, its file in `folder`. Raises Problem disk_full or unavailable."""
    live = connections["default"]
    if live.vendor == "sqlite":
        copy = folder / MEMBERS["sqlite"]
        _copy_sqlite(Path(live.settings_dict["NAME"]), copy)
        tick()
        with opened(copy) as found:
            yield found
    else:
        with _dumped(folder / MEMBERS["postgresql"], tick) as found:
            yield found


@contextmanager
def opened(file: Path) -> Iterator[Snapshot]:
    """A SQLite copy that nobody writes, as a snapshot."""
    # Named `immutable`, so that no WAL or lock file appears beside it.
    with closing(sqlite3.connect(f"{file.as_uri()}?immutable=1", uri=True)) as connection:
        yield Snapshot("sqlite", file, lambda sql: iter(connection.execute(sql)))


@contextmanager
def reading_live() -> Iterator[Snapshot]:
    """The database as it is now (after a restore): PostgreSQL by a connection of its own."""
    live = connections["default"]
    if live.vendor == "sqlite":
        path = Path(live.settings_dict["NAME"])
        with closing(sqlite3.connect(path.as_uri() + "?mode=ro", uri=True)) as connection:
            yield Snapshot("sqlite", path, lambda sql: iter(connection.execute(sql)))
    else:
        with _connected() as ask:
            yield Snapshot("postgresql", Path(), ask)


def sound(file: Path) -> list[str]:
    """What SQLite itself finds wrong with a copy; empty for a sound one."""
    with closing(sqlite3.connect(f"{file.as_uri()}?immutable=1", uri=True)) as connection:
        try:
            found = [row[0] for row in connection.execute("PRAGMA quick_check(5)")]
        except sqlite3.DatabaseError as error:
            found = [str(error)]
    return [] if found == ["ok"] else found


def is_empty() -> bool:
    """Whether the database of the settings holds no table."""
    live = connections["default"]
    if live.vendor == "sqlite":
        path = Path(live.settings_dict["NAME"])
        if not path.exists() or not path.stat().st_size:
            return True
    try:
        with reading_live() as found:
            return not found.tables()
    except sqlite3.DatabaseError:
        return False


def users() -> list[str]:
    """Who else has the database open now: processes (SQLite) or sessions (PostgreSQL)."""
    live = connections["default"]
    live.close()
    if live.vendor != "sqlite":
        with _connected() as ask:
            rows = ask(
                "SELECT coalesce(nullif(application_name, ''), 'session') || ' ' || pid FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND backend_type = 'client backend' ORDER BY pid"
            )
            return [str(row[0]) for row in rows]
    path = Path(live.settings_dict["NAME"])
    names = {str(path.resolve()) + end for end in ("", "-wal", "-shm")}
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        try:
            links = [str(link.readlink()) for link in (process / "fd").iterdir()]
        except OSError:
            continue  # another account's process, or one that has ended
        if names & set(links):
            found.append(process.name)
    return sorted(found, key=int)


def put_back(dump: Path, *, aside: str | None, tick: Tick) -> Callable[[], None]:
    """PostgreSQL: restore the dump in one transaction, the old schema renamed to `aside` before; gives the way back.

    Raises Problem unavailable, everything as before.
    """

    def back() -> None:
        _run_sql("DROP SCHEMA IF EXISTS public CASCADE")
        _run_sql(f'ALTER SCHEMA "{aside}" RENAME TO public' if aside else "CREATE SCHEMA public")

    connections["default"].close()
    pg_restore, contents = tool("pg_restore"), dump.with_suffix(".list")
    # the schema itself is there already, and making or dropping it may need rights that we lack
    _run([pg_restore, "--list", "--file", str(contents), str(dump)], "读取 PostgreSQL 备份", tick)
    lines = contents.read_text().splitlines(keepends=True)
    contents.write_text("".join(line for line in lines if " SCHEMA - public " not in line))
    if aside:
        _run_sql(f'ALTER SCHEMA public RENAME TO "{aside}"; CREATE SCHEMA public')
    try:
        command = [pg_restore, "--no-owner", "--no-acl", "--single-transaction", "--exit-on-error"]
        command += ["--use-list", str(contents), "--dbname", _name(), str(dump)]
        _run(command, "恢复 PostgreSQL 数据库", tick)
    except BaseException:
        if aside:  # else the one transaction was rolled back, and the place is empty as before
            back()
        raise
    return back


def tool(name: str) -> str:
    """A program of PostgreSQL. Raises Problem unavailable naming the package."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda p: int(p.parts[4]))
    found = str(places[-1]) if places else shutil.which(name)
    if found is None:
        raise Unavailable(
            f"没有找到 {name}。请安装与数据库版本相同的客户端：apt-get install postgresql-client"
        )
    return found


def quoted(name: str) -> str:
    """An SQL name."""
    return '"' + name.replace('"', '""') + '"'


def _copy_sqlite(source: Path, target: Path) -> None:
    try:
        with (
            closing(sqlite3.connect(source.as_uri() + "?mode=ro", uri=True, timeout=20)) as live,
            closing(sqlite3.connect(target)) as copy,
        ):
            copy.execute("PRAGMA synchronous=OFF")
            live.backup(copy, pages=-1)
            copy.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        if "full" in str(error):
            raise disk_full(target.name) from error
        raise Unavailable(f"数据库副本没有做成（{error}）。请检查磁盘空间和磁盘状态后重试。") from error


@contextmanager
def _dumped(file: Path, tick: Tick) -> Iterator[Snapshot]:
    with _connected() as ask:
        ask("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        (name,) = next(ask("SELECT pg_export_snapshot()"))
        command = [tool("pg_dump"), "--format=custom", "--compress=0", "--no-owner", "--no-acl"]
        command += [f"--snapshot={name}", "--schema=public", "--file", str(file), _name()]
        _run(command, "导出 PostgreSQL 数据库", tick)
        file.chmod(0o600)
        yield Snapshot("postgresql", file, ask)


@contextmanager
def _connected() -> Iterator[Callable[[str], Iterator[Sequence[Any]]]]:
    """A session of one's own, in one transaction that is rolled back."""
    connection = connections["default"].copy("keeping")
    try:
        connection.ensure_connection()
        connection.set_autocommit(False)

        def ask(sql: str) -> Iterator[Sequence[Any]]:
            cursor = connection.connection.cursor()
            cursor.execute(sql)
            return iter(cursor.fetchall()) if cursor.description else iter(())

        yield ask
    finally:
        connection.close()


def _run_sql(sql: str) -> None:
    connection = connections["default"].copy("keeping")
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql)
    finally:
        connection.close()


def _name() -> str:
    return str(connections["default"].settings_dict["NAME"])


def _run(command: list[str], what: str, tick: Tick) -> None:
    """Run one of PostgreSQL's programs with the settings' address; the password goes by the environment."""
    given = connections["default"].settings_dict
    env = {**os.environ, "LC_ALL": "C", "PGAPPNAME": "qinglian-backup"}
    for variable, setting in {
        "PGHOST": "HOST",
        "PGPORT": "PORT",
        "PGUSER": "USER",
        "PGPASSWORD": "PASSWORD",
    }.items():
        if given.get(setting):
            env[variable] = str(given[setting])
    process = subprocess.Popen(
        command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        cwd=settings.HOME,
    )  # fmt: skip
    try:
        while True:
            try:
                _, said = process.communicate(timeout=1)
                break
            except subprocess.TimeoutExpired:
                tick()
    except BaseException:
        process.kill()
        process.wait()
        raise
    if process.returncode:
        line = next((text for text in said.splitlines() if "error" in text.lower()), said.strip()[-300:])
        if "No space left" in said:
            raise disk_full()
        if "server version" in said:
            line += "。请安装与数据库服务器版本相同的 postgresql-client"
        raise Unavailable(f"{what}没有成功：{line}")
