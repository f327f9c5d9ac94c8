"""What is known of a raw file before it is read through: format, encoding, sheets, header."""

from dataclasses import asdict, dataclass, field
from typing import Any

from core.kernel.errors import FieldError, Problem

MAX_COLUMNS = 2000  # the widest known export has some 300
MAX_HEADER_BYTES = 1024 * 1024
HEADER_SEARCH = 20  # rows looked through for the header: titles and blank rows stand above it in many exports
SAMPLES = 5


@dataclass
class Sheet:
    """One table in a file: its header row (1-based, 0 = none, as in Parquet), column names, a few values each."""

    name: str
    rows: int | None = None
    header_row: int = 1
    columns: list[str] = field(default_factory=list)
    samples: list[list[str]] = field(default_factory=list)
    merged: list[str] = field(default_factory=list)


@dataclass
class Shape:
    """A raw file as seen from outside."""

    file: str
    format: str  # csv | xlsx | xls | parquet
    size: int
    encoding: str = ""
    delimiter: str = ""
    sheets: list[Sheet] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def sheet(self, name: str | None) -> Sheet:
        """The named sheet, or the first with data. Raises Problem listing the sheets there are."""
        if not name:
            return next((s for s in self.sheets if s.columns), self.sheets[0])
        for sheet in self.sheets:
            if sheet.name == name:
                return sheet
        names = "、".join(s.name for s in self.sheets)
        raise bad_file(
            self.file, f"文件中没有名为“{name}”的工作表。", f"请从这些工作表中选择：{names}。", sheet=name
        )

    def to_json(self) -> dict[str, Any]:
        """For the upload row."""
        return asdict(self)

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> "Shape":
        """Back from the upload row."""
        return cls(**{**raw, "sheets": [Sheet(**s) for s in raw["sheets"]]})


def bad_file(
    file: str,
    message: str,
    cure: str,
    *,
    sheet: str | None = None,
    row: int | None = None,
    cell: str | None = None,
) -> Problem:
    """The problem for a file that cannot be read at all; names file, place and what to do."""
    where = f"文件“{file}”" + (f"工作表“{sheet}”" if sheet else "") + (f"第 {row} 行" if row else "")
    return Problem(
        "bad_file",
        f"{where}：{message}",
        422,
        [FieldError(file=file, sheet=sheet, row=row, cell=cell, message=message, cure=cure)],
    )


def find_header(rows: list[list[str]], known: frozenset[str], fold: Any) -> int:
    """Index of the header row: the first with most known names, else the first with most filled cells."""
    best, best_score = 0, (0, 0)
    for index, row in enumerate(rows[:HEADER_SEARCH]):
        filled = [cell for cell in row if cell.strip()]
        score = (sum(fold(cell) in known for cell in filled), min(len(filled), 2))
        if score > best_score:
            best, best_score = index, score
    return best


def clean_names(cells: list[str]) -> list[str]:
    """Header cells as column names; an empty one is named after its letter."""
    return [" ".join(cell.split()) or f"{letter(i)}列（无表头）" for i, cell in enumerate(cells)]


def letter(index: int) -> str:
    """Column letter as spreadsheets show it: 0 → A, 26 → AA."""
    text, index = "", index + 1
    while index:
        index, rest = divmod(index - 1, 26)
        text = chr(65 + rest) + text
    return text
