"""What a list would change: entries with the rows to write, questions a person must answer, findings with their places."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any

#: A reference to a row that is made in the same application begins so: "@department:XNK".
REF = "@"


@dataclass(frozen=True)
class Op:
    """One row to write. Values are JSON, by column name; `before` must still hold when it is written.

    `ref` names a created row for others; `pk` is the row to update or delete.
    """

    do: str  # create | update | delete
    model: str  # campus | department | party_org | person | post | membership
    ref: str = ""
    pk: int = 0
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """One line of the difference. `old` and `new` are what the page shows as from and to."""

    change: str  # joined | left | moved | renamed | merged | changed
    key: str
    name: str
    text: str
    old: str = ""
    new: str = ""
    row: int | None = None
    ops: tuple[Op, ...] = ()

    def shown(self) -> dict[str, Any]:
        """For the page."""
        return {"key": self.key, "name": self.name, "text": self.text, "from": self.old, "to": self.new}


@dataclass(frozen=True)
class Question:
    """Something only a person can decide."""

    id: str
    text: str
    options: tuple[tuple[str, str], ...]

    def shown(self) -> dict[str, Any]:
        """For the page."""
        options = [{"value": value, "label": label} for value, label in self.options]
        return {"id": self.id, "text": self.text, "options": options}


@dataclass(frozen=True)
class Finding:
    """Something wrong or worth a look, with its place and what to do."""

    severity: str  # error | warning
    message: str
    cure: str
    row: int | None = None
    column: str = ""
    cell: str = ""
    sheet: str = ""
    count: int = 1

    def shown(self) -> dict[str, Any]:
        """For the page."""
        return asdict(self)


@dataclass
class Plan:
    """The whole difference. Entries that wait for an answer are not in it yet; `unanswered` counts on `questions`."""

    entries: list[Entry] = field(default_factory=list)
    same: int = 0
    questions: list[Question] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def errors(self) -> list[Finding]:
        """Findings that keep the list from being applied."""
        return [f for f in self.findings if f.severity == "error"]

    def counts(self) -> dict[str, int]:
        """Lines by kind of change, every kind named."""
        from core.roster.kinds import CHANGES

        found = dict.fromkeys(CHANGES, 0)
        for entry in self.entries:
            found[entry.change] += 1
        return found | {"same": self.same}

    def digest(self, *about: Any) -> str:
        """The same only while file, choices and everything they are compared with stay the same."""
        said = [
            [asdict(e) for e in self.entries],
            self.same,
            [asdict(q) for q in self.questions],
            list(about),
        ]
        text = json.dumps(said, ensure_ascii=False, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()
