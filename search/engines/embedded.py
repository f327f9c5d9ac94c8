"""The embedded engine: SQLite FTS5 in a file of its own. Facets and policy tokens are columns and rows of that file.

Readers never wait for the writer (WAL); writes come in small batches. The file can be thrown away: it is rebuilt
from the sources.
"""

import json
import os
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from core.policy.tokens import Every, Everything, ForClass, Has, No, Nothing, Some, TokenFilter
from search.engines.base import Ask, EngineFailed, Entry, Found, Hit, Term

#: Raised with every change of the tables: another number means an index to be built anew.
VERSION = 1
#: Documents written in one transaction.
BATCH = 100
#: A question that takes longer is given up, seconds.
PATIENCE = 8.0

_TABLES = """
CREATE TABLE doc (
  id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, type TEXT NOT NULL, uid TEXT NOT NULL, hospital INTEGER NOT NULL,
  class_from INTEGER NOT NULL, class_to INTEGER NOT NULL, department TEXT NOT NULL, state TEXT NOT NULL,
  date TEXT NOT NULL, stamp TEXT NOT NULL);
CREATE INDEX doc_thing ON doc (hospital, type, uid);
CREATE TABLE token (doc INTEGER NOT NULL, token TEXT NOT NULL, PRIMARY KEY (doc, token)) WITHOUT ROWID;
CREATE VIRTUAL TABLE text USING fts5 (title_grams, title_words, grams, words, pinyin,
  tokenize = "unicode61 remove_diacritics 0 categories 'L* M* N* P* S* C*'");
CREATE TABLE seen (type TEXT, hospital INTEGER, uid TEXT, seq INTEGER, PRIMARY KEY (type, hospital, uid)) WITHOUT ROWID;
"""
_COLUMNS = ("title_grams", "title_words", "grams", "words", "pinyin")
#: bm25 weights of the columns above.
_WEIGHTS = "2.0, 2.0, 1.0, 1.0, 1.0"


class EmbeddedEngine:
    """FTS5 in the file `path`."""

    name = "embedded"

    def __init__(self, path: Path, patience: float = PATIENCE) -> None:
        self.path = path
        self._patience = patience
        self._local = threading.local()

    def search(self, ask: Ask) -> Found:
        """As the protocol says."""
        wanted = _match(ask)
        policy, values = _allowed(ask)
        if not wanted or policy == "0":
            return Found()
        clauses, more = ["text MATCH ?", "d.hospital = ?", policy], [wanted, ask.hospital_id, *values]
        for bound, sign in ((ask.since, ">="), (ask.until, "<=")):
            if bound:
                clauses.append(f"d.date <> '' AND d.date {sign} ?")
                more.append(bound)
        sql = (
            f"SELECT d.key, d.type, d.uid, d.department, d.state, bm25(text, {_WEIGHTS}) AS score"  # noqa: S608
            f" FROM text JOIN doc d ON d.id = text.rowid WHERE {' AND '.join(f'({c})' for c in clauses)}"
            " ORDER BY score, d.key"
        )
        with self._reading() as connection:
            return _gather(connection.execute(sql, more), ask)

    def replace(
        self, type_key: str, hospital_id: int, uids: Sequence[str], entries: Iterable[Entry], seq: int
    ) -> None:
        """As the protocol says."""
        made: dict[str, list[Entry]] = {uid: [] for uid in uids}
        for entry in entries:
            made[entry.uid].append(entry)
        todo = iter(made.items())
        while batch := list(islice(todo, BATCH)):
            with self._writing() as connection:
                for uid, found in batch:
                    _replace(connection, type_key, hospital_id, uid, found, seq)

    def stamps(self, type_key: str, hospital_id: int, uids: Sequence[str] | None = None) -> dict[str, str]:
        """As the protocol says."""
        sql = "SELECT key, stamp FROM doc WHERE hospital = ? AND type = ?"
        values: list[object] = [hospital_id, type_key]
        if uids is not None:
            sql += " AND uid IN (SELECT value FROM json_each(?))"
            values.append(json.dumps(list(uids)))
        with self._reading() as connection:
            return dict(connection.execute(sql, values))

    def uids(self, type_key: str, hospital_id: int) -> list[str]:
        """As the protocol says."""
        sql = "SELECT DISTINCT uid FROM doc WHERE hospital = ? AND type = ? ORDER BY uid"
        with self._reading() as connection:
            return [uid for (uid,) in connection.execute(sql, (hospital_id, type_key))]

    def drop_types(self, hospital_id: int, kept: Iterable[str]) -> None:
        """As the protocol says."""
        gone = set(self.count(hospital_id)) - set(kept)
        for type_key in sorted(gone):
            self.replace(type_key, hospital_id, self.uids(type_key, hospital_id), [], time.time_ns())

    def count(self, hospital_id: int) -> dict[str, int]:
        """As the protocol says."""
        with self._reading() as connection:
            sql = "SELECT type, count(*) FROM doc WHERE hospital = ? GROUP BY type ORDER BY type"
            return dict(connection.execute(sql, (hospital_id,)))

    def clear(self) -> None:
        """As the protocol says."""
        with self._writing() as connection:
            for table in ("doc", "token", "text", "seen"):
                connection.execute(f"DELETE FROM {table}")  # noqa: S608 - names of ours

    def drop(self) -> None:
        """As the protocol says."""
        self.clear()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        connection = self._connection()
        until = time.monotonic() + self._patience
        connection.set_progress_handler(lambda: time.monotonic() > until, 20_000)
        try:
            yield connection
        except sqlite3.Error as error:
            self.close()
            raise EngineFailed(f"embedded index: {error}") from error
        finally:
            connection.set_progress_handler(None, 0)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        connection = self._connection()
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            self.close()
            raise EngineFailed(f"embedded index: {error}") from error

    def close(self) -> None:
        """Close this thread's connection."""
        kept = self._local.__dict__.pop("kept", None)
        if kept is not None and kept[0] == os.getpid():
            kept[1].close()

    def _connection(self) -> sqlite3.Connection:
        """This thread's connection, made after any fork."""
        kept = self._local.__dict__.get("kept")
        if kept is not None and kept[0] == os.getpid() and self.path.exists():
            return kept[1]  # type: ignore[no-any-return]
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            connection = sqlite3.connect(self.path, timeout=20, isolation_level=None)
            self.path.chmod(0o600)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA cache_size = -32000")
            _prepare(connection)
        except (sqlite3.Error, OSError) as error:
            raise EngineFailed(f"embedded index: {error}") from error
        self._local.kept = (os.getpid(), connection)
        return connection


def _prepare(connection: sqlite3.Connection) -> None:
    """Make the tables; those of another version are thrown away first."""
    if connection.execute("PRAGMA user_version").fetchone()[0] == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    if connection.execute("PRAGMA user_version").fetchone()[0] != VERSION:
        for table in ("doc", "token", "text", "seen"):
            connection.execute(f"DROP TABLE IF EXISTS {table}")
        for statement in _TABLES.strip().split(";\n"):
            if statement:
                connection.execute(statement.rstrip(";"))
        connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def _replace(
    connection: sqlite3.Connection, type_key: str, hospital_id: int, uid: str, found: list[Entry], seq: int
) -> None:
    thing = (type_key, hospital_id, uid)
    row = connection.execute(
        "SELECT seq FROM seen WHERE type = ? AND hospital = ? AND uid = ?", thing
    ).fetchone()
    if row is not None and row[0] > seq:
        return
    connection.execute("INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?)", (*thing, seq))
    old = connection.execute(
        "SELECT id FROM doc WHERE type = ? AND hospital = ? AND uid = ?", thing
    ).fetchall()
    for (number,) in old:
        connection.execute("DELETE FROM text WHERE rowid = ?", (number,))
        connection.execute("DELETE FROM token WHERE doc = ?", (number,))
        connection.execute("DELETE FROM doc WHERE id = ?", (number,))
    for entry in found:
        number = connection.execute(
            "INSERT INTO doc (key, type, uid, hospital, class_from, class_to, department, state, date, stamp)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                entry.key,
                entry.type,
                entry.uid,
                entry.hospital_id,
                entry.class_from,
                entry.class_to,
                entry.department,
                entry.state,
                entry.date,
                entry.stamp,
            ),
        ).lastrowid
        connection.executemany(
            "INSERT INTO token VALUES (?, ?)", [(number, one) for one in set(entry.tokens)]
        )
        texts = [getattr(entry, column) for column in _COLUMNS]
        connection.execute(
            "INSERT INTO text (rowid, title_grams, title_words, grams, words, pinyin) VALUES (?, ?, ?, ?, ?, ?)",
            [number, *texts],
        )


def _match(ask: Ask) -> str:
    """The FTS5 expression; every string in it is quoted, so nothing that people type is an operator."""
    titles = "title_grams" if ask.only_titles else "title_grams grams"
    if ask.terms:
        return " AND ".join(f"({_term(term, titles, ask.only_titles)})" for term in ask.terms)
    parts = [f'{{title_grams grams}} : "{_quoted(one)}"' for one in ask.grams]
    parts += [f'{{title_words words}} : "{_quoted(one)}"' for one in ask.words]
    return " OR ".join(parts)


def _term(term: Term, columns: str, beginning: bool) -> str:
    said = f'{{{columns}}} : "{_quoted(" ".join(term.grams))}"' + (" *" if term.prefix else "")
    if term.pinyin:
        said += f' OR {{pinyin}} : "{_quoted(term.pinyin)}"' + (" *" if beginning else "")
    return said


def _quoted(text: str) -> str:
    return text.replace('"', '""')


def _allowed(ask: Ask) -> tuple[str, list[object]]:
    parts: list[str] = []
    values: list[object] = []
    for type_key, found in sorted(ask.allowed.items()):
        sql, more = _sql(found)
        if sql != "0":
            parts.append(f"(d.type = ? AND {sql})")
            values += [type_key, *more]
    return (" OR ".join(parts) if parts else "0"), values


def _sql(node: TokenFilter) -> tuple[str, list[object]]:
    match node:
        case Everything():
            return "1", []
        case Nothing():
            return "0", []
        case Has(tokens):
            said = "EXISTS (SELECT 1 FROM token t WHERE t.doc = d.id AND t.token IN (SELECT value FROM json_each(?)))"
            return said, [json.dumps(sorted(tokens))]
        case ForClass(level):
            return "(d.class_from <= ? AND d.class_to >= ?)", [level, level]
        case No(part):
            sql, values = _sql(part)
            return f"(NOT {sql})", values
        case Every(parts) | Some(parts):
            each = [_sql(part) for part in parts]
            joint = " AND " if isinstance(node, Every) else " OR "
            return f"({joint.join(sql for sql, _ in each)})", [value for _, more in each for value in more]


def _gather(rows: Iterable[tuple[str, str, str, str, str, float]], ask: Ask) -> Found:
    types: Counter[str] = Counter()
    departments: Counter[str] = Counter()
    states: Counter[str] = Counter()
    hits: list[Hit] = []
    total = wide = 0
    for key, type_key, uid, department, state, _ in rows:
        right_type = ask.type in ("", type_key)
        right_department = ask.department in ("", department)
        right_state = ask.state in ("", state)
        wide += 1
        types[type_key] += right_department and right_state
        departments[department] += right_type and right_state
        states[state] += right_type and right_department
        if right_type and right_department and right_state:
            if ask.offset <= total < ask.offset + ask.limit:
                hits.append(Hit(key, type_key, uid))
            total += 1
    for counted in (departments, states):
        counted.pop("", None)
    return Found(total, wide, hits, +types, +departments, +states)
