"""A hospital with two departments, a way to bring a list in, and short questions about what became of it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from core.kernel import clock
from core.kernel.context import Actor, acting, actor_scope, hospital_scope
from core.org.models import Hospital, Person, Post
from core.roster.domain import changes, uploads
from core.roster.domain.uploads import Choice
from core.roster.models import ChangeSet
from core.testing import factories

BY = Actor.system("test")
TODAY = date(2026, 11, 22)


@pytest.fixture
def hospital(db: None, settings: Any, tmp_path: Path) -> Iterator[Hospital]:
    """A hospital in context with 内科 and 外科, an actor, an empty data folder, and the clock held."""
    settings.HOME = tmp_path / "home"
    settings.HOME.mkdir(mode=0o700)
    made = factories.hospital(slug="shili", name="示例医院")
    factories.campus(made, code="ZB", name="总院")
    factories.department(made, code="NK", name="内科")
    factories.department(made, code="WK", name="外科")
    with clock.turned(datetime(2026, 11, 22, 4, tzinfo=UTC)), actor_scope(BY), hospital_scope(made):
        yield made


class Bring:
    """Preview and apply as the command line does."""

    def __init__(self, hospital: Hospital, folder: Path) -> None:
        self.hospital, self.folder = hospital, folder

    def upload(self, kind: str, content: Any, name: str = "") -> Any:
        """Hand in text, bytes, or rows (the first is the header; written as Excel)."""
        if isinstance(content, (str, bytes)):
            path = self.folder / (name or "名册.csv")
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        else:
            path = write_excel(self.folder / (name or "名册.xlsx"), content)
        return uploads.receive_path(path, kind=kind, hospital=self.hospital, by=BY)

    def preview(self, kind: str, content: Any, name: str = "", **choice: Any) -> dict[str, Any]:
        """The difference."""
        return changes.preview(
            self.upload(kind, content, name), Choice(**choice), hospital=self.hospital, by=BY
        )

    def apply(
        self,
        kind: str,
        content: Any,
        answers: Mapping[str, str] | None = None,
        leave_out: Sequence[str] = (),
        **choice: Any,
    ) -> ChangeSet:
        """Preview, then have it take effect."""
        kept = self.upload(kind, content)
        told = changes.preview(kept, Choice(**choice), hospital=self.hospital, by=BY)
        made = changes.start(
            kept,
            digest=told["digest"],
            answers=dict(answers or {}),
            leave_out=list(leave_out),
            hospital=self.hospital,
            by=BY,
        )
        return changes.run(made, by=BY, commit=lambda: acting(BY))

    def undo(self, change_set: ChangeSet) -> ChangeSet:
        """Take a change set back."""
        with acting(BY):
            return changes.undo(changes.get_set(change_set.uid, hospital=self.hospital), by=BY)


@pytest.fixture
def bring(hospital: Hospital, tmp_path: Path) -> Bring:
    """`bring.apply("staff", "工号,姓名,科室\\n…")`."""
    return Bring(hospital, tmp_path)


@pytest.fixture
def held(hospital: Hospital) -> Callable[[str], list[tuple[str, str, str, str]]]:
    """Posts of the person of a number: role, department, first and last day, in order."""

    def of(number: str) -> list[tuple[str, str, str, str]]:
        posts = (
            Post.objects.filter(source_code=number).select_related("department").order_by("starts_on", "id")
        )
        return [
            (p.role, p.department.name if p.department else "", str(p.starts_on), str(p.ends_on or ""))
            for p in posts
        ]

    return of


def write_excel(path: Path, rows: Sequence[Sequence[Any]], sheet: str = "名册") -> Path:
    """A workbook of one sheet, every cell as text."""
    with xlsxwriter.Workbook(str(path)) as book:
        page = book.add_worksheet(sheet)
        for i, row in enumerate(rows):
            for j, cell in enumerate(row):
                page.write_string(i, j, str(cell))
    return path


def names() -> set[str]:
    """Everybody's name."""
    return set(Person.objects.values_list("name", flat=True))
