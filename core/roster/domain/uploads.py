"""A list on its way in: kept as a class-3 file, looked at, turned into rows."""

import json
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from core.files import domain as files
from core.files.models import StoredFile
from core.kernel import clock
from core.kernel.context import Actor, acting
from core.kernel.errors import FieldError, Invalid, NotFound, Problem
from core.lake.datasets import guess_mapping
from core.lake.stage import check_mapping
from core.org.models import Hospital
from core.roster import kinds
from core.roster.kinds import Kind
from core.roster.models import RosterUpload
from core.roster.read import table
from core.roster.read.cells import Lines, from_file, from_json

FILE_KIND = "roster.raw"
JSON = "application/json"
#: How long the text of an uploaded workbook stays cached while nobody applies it.
IDLE = timedelta(hours=12)


@dataclass(frozen=True)
class Choice:
    """How a list is read: sheet and columns of a file, the day it takes effect, whether it is everybody."""

    sheet: str = ""
    mapping: dict[str, str] | None = None
    on: date | None = None
    complete: bool = False

    def to_json(self) -> dict[str, Any]:
        """For the row."""
        return {
            "sheet": self.sheet,
            "mapping": self.mapping,
            "on": self.on.isoformat() if self.on else None,
            "complete": self.complete,
        }

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> "Choice":
        """Back from the row."""
        return cls(**raw | {"on": date.fromisoformat(raw["on"]) if raw.get("on") else None})


def receive_stream(stream: Any, *, name: str, kind: str, hospital: Hospital, by: Actor) -> RosterUpload:
    """Keep a file sent by a browser. Raises Problem, the file then retired, for one that cannot be read."""
    kinds.get(kind)
    file = files.store_stream(stream, name=name, hospital=hospital, by=by, kind=FILE_KIND, data_class=3)
    return _take(file, kind, hospital, by)


def receive_path(path: Path, *, kind: str, hospital: Hospital, by: Actor) -> RosterUpload:
    """The same for a file on this machine."""
    kinds.get(kind)
    file = files.store_path(path, hospital=hospital, by=by, kind=FILE_KIND, data_class=3)
    return _take(file, kind, hospital, by)


def receive_rows(
    rows: list[dict[str, Any]], *, kind: str, hospital: Hospital, by: Actor, name: str = ""
) -> RosterUpload:
    """Rows of a personnel system, kept as a JSON file. Raises Invalid for none or too many."""
    found = kinds.get(kind)
    if not rows:
        raise Invalid(
            "没有收到任何行。", [FieldError("/rows", "没有任何行", "请把名册放在 rows 里；空名册不会生效")]
        )
    if len(rows) > table.MAX_ROWS:
        raise Problem("too_large", f"名册有 {len(rows)} 行，最多 {table.MAX_ROWS} 行。", 413)
    file = files.store_bytes(
        json.dumps(rows, ensure_ascii=False, default=str).encode(),
        name=name or f"接口提交的{found.label}.json",
        hospital=hospital,
        by=by,
        kind=FILE_KIND,
        data_class=3,
        content_type=JSON,
    )
    return _keep(file, kind, hospital, by)


def get_upload(uid: UUID | str, *, hospital: Hospital) -> RosterUpload:
    """The upload. Raises NotFound for another hospital's."""
    found = RosterUpload.objects.select_related("file").filter(hospital_id=hospital.pk, uid=uid).first()
    if found is None:
        raise NotFound("没有找到这次上传，请重新上传文件。")
    return found


def describe(upload: RosterUpload) -> dict[str, Any]:
    """What the mapping page shows. Raises Problem."""
    kind = kinds.get(upload.kind)
    book = _book(upload.file, kind)
    sheet = book.choose(kind, "")
    return {
        "uid": str(upload.uid),
        "name": upload.file.name,
        "size": upload.file.size,
        "kind": kind.key,
        "kind_label": kind.label,
        "format": book.shape.format,
        "encoding": book.shape.encoding,
        "sheets": [{"name": s.name, "hidden": book.hidden(s), "rows": s.rows} for s in book.shape.sheets],
        "sheet": sheet.name,
        "columns": [{"name": n, "sample": s} for n, s in zip(sheet.columns, sheet.samples, strict=True)],
        "mapping": guess_mapping(kind.dataset, sheet.columns),
        "notes": book.shape.notes,
    }


def read_lines(file: StoredFile, kind: Kind, choice: Choice) -> tuple[Lines, Choice]:
    """The rows of a kept list, and the choice with sheet and columns filled in. Raises Problem."""
    if file.content_type == JSON:
        with files.open_file(file) as stream:
            return from_json(kind, json.load(stream)), choice
    book = _book(file, kind)
    sheet = book.choose(kind, choice.sheet)
    mapping = choice.mapping
    if mapping is None:
        mapping = guess_mapping(kind.dataset, sheet.columns)
    mapping = {key: name for key, name in mapping.items() if name}
    check_mapping(kind.dataset, book.shape, sheet, mapping, "")
    raw = table.read_rows(files.path(file), book, sheet, file.sha256)
    lines = from_file(kind, raw, mapping)
    if not lines.lines:
        raise Problem(
            "bad_file",
            f"文件“{file.name}”里没有要导入的行。",
            422,
            [
                FieldError(
                    file=file.name,
                    sheet=sheet.name or None,
                    message="表头下面没有数据行。",
                    cure="请在表头下面填写后再上传；模板里的示例行不会导入。",
                )
            ],
        )
    return lines, Choice(sheet.name, mapping, choice.on, choice.complete)


def _book(file: StoredFile, kind: Kind) -> table.Book:
    return table.open_book(files.path(file), file.name, file.sha256, kind)


def _forget_idle() -> None:
    """Cached texts of uploads that nobody went on with."""
    idle = RosterUpload.objects.filter(created_at__lt=clock.now() - IDLE).order_by("-pk")
    for sha256 in idle.values_list("file__sha256", flat=True)[:50]:
        table.forget(sha256)


def _take(file: StoredFile, kind: str, hospital: Hospital, by: Actor) -> RosterUpload:
    try:
        _book(file, kinds.get(kind))
    except Problem:
        table.forget(file.sha256)
        files.retire(file, by=by)
        raise
    _forget_idle()
    return _keep(file, kind, hospital, by)


def _keep(file: StoredFile, kind: str, hospital: Hospital, by: Actor) -> RosterUpload:
    with acting(by):
        made = RosterUpload.objects.create(
            hospital=hospital,
            kind=kind,
            file=file,
            created_at=clock.now(),
            created_by=by.label[:300],
        )
        files.claim(file, owner_type="roster.upload", owner_uid=made.uid, by=by)
    return made
