"""What an engine is: the one protocol, what goes in and what comes out. Nobody outside `search` sees any of it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from core.policy.tokens import TokenFilter


class EngineFailed(Exception):
    """The engine is down, slow or answers what no engine answers. The text is for the log."""


@dataclass(frozen=True)
class Entry:
    """One document, normalised: token streams separated by spaces, and what is filtered and counted by."""

    key: str
    type: str
    uid: str
    hospital_id: int
    class_from: int
    class_to: int
    tokens: tuple[str, ...]
    department: str
    state: str
    date: str  # ISO day, or empty
    stamp: str
    title_grams: str
    title_words: str
    grams: str
    words: str
    pinyin: str


@dataclass(frozen=True)
class Term:
    """One thing asked for: grams that stand side by side (the last may be a beginning), or this pinyin.

    In suggestions the pinyin, too, is a beginning.
    """

    grams: tuple[str, ...]
    prefix: bool = False
    pinyin: str = ""


@dataclass(frozen=True)
class Ask:
    """One question. `allowed` is policy: type → filter; no engine answers outside of it.

    `terms` must all match (mode all); or `grams` and `words`, with their repetitions, of which any may match.
    `only_titles` looks in titles and pinyin alone (suggestions).
    """

    hospital_id: int
    allowed: Mapping[str, TokenFilter]
    terms: tuple[Term, ...] = ()
    grams: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    only_titles: bool = False
    type: str = ""
    department: str = ""
    state: str = ""
    since: str = ""
    until: str = ""
    offset: int = 0
    limit: int = 20


@dataclass(frozen=True)
class Hit:
    """One document found."""

    key: str
    type: str
    uid: str


@dataclass
class Found:
    """The answer: how many, which, and how many by type, department and state; `wide` is the total without choices.

    Each count leaves out its own choice, so that the other choices stay to be seen.
    """

    total: int = 0
    wide: int = 0
    hits: list[Hit] = field(default_factory=list)
    types: Counter[str] = field(default_factory=Counter)
    departments: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)


class Engine(Protocol):
    """Keeps entries and answers questions. Every method raises EngineFailed."""

    name: str

    def search(self, ask: Ask) -> Found:
        """The documents that match and that policy allows, best first; equal ones by key."""

    def replace(
        self, type_key: str, hospital_id: int, uids: Sequence[str], entries: Iterable[Entry], seq: int
    ) -> None:
        """From now on these things are just these entries. An older `seq` never overwrites a newer one."""

    def stamps(self, type_key: str, hospital_id: int, uids: Sequence[str] | None = None) -> dict[str, str]:
        """Key → stamp of what is kept of these things (or of all) of a type."""

    def uids(self, type_key: str, hospital_id: int) -> list[str]:
        """The things of a type that the index holds."""

    def drop_types(self, hospital_id: int, kept: Iterable[str]) -> None:
        """Forget every other type's entries of the hospital."""

    def count(self, hospital_id: int) -> dict[str, int]:
        """Entries by type."""

    def clear(self) -> None:
        """Forget everything."""

    def drop(self) -> None:
        """Remove the index itself."""
