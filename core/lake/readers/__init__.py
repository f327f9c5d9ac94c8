"""Raw files: what they are, what they hold, and their rows as text with row numbers."""

from pathlib import Path

from core.lake.datasets import DataSet, fold
from core.lake.faults import point
from core.lake.readers import columnar, excel, text
from core.lake.readers.shape import Shape, Sheet, bad_file, letter
from core.lake.readers.sniff import misnamed, sniff

__all__ = ["Shape", "Sheet", "bad_file", "letter", "look"]


def look(path: Path, name: str, sha256: str, dataset: DataSet) -> Shape:
    """What the file is and how it begins. Raises Problem (bad_file) naming file, place and cure."""
    kind = sniff(path, name)
    point("after_sniff")
    known = frozenset(fold(w) for c in dataset.columns for w in (c.key, c.label, *c.aliases))
    if kind == "csv":
        shape = text.look(path, name, known)
    elif kind == "parquet":
        shape = columnar.look(path, name)
    else:
        shape = excel.look(path, name, kind, sha256, known)
    note = misnamed(kind, name)
    if note:
        shape.notes.append(note)
    return shape
