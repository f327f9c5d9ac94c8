"""A list as an Excel file, made by a job: the same rows, order and masks as the list, with the requester's rights."""

import secrets
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from core.kernel import clock
from core.kernel.context import hospital_scope
from core.kernel.errors import NotFound, Refused
from core.kernel.expressions import in_words
from core.resources import listing, registry
from core.resources.registry import Registered
from core.resources.rights import Rights
from core.resources.source import Scope
from core.resources.spec import Field, Row

KIND = "resources.export"
MAX_ROWS = 100_000
PAGE = 1000
CELL_LIMIT = 32_000  # Excel takes 32,767
ACTIONS = ("view", "export")


def register() -> None:
    """Make the job known."""
    from core.jobs.registry import job

    job(KIND, label="导出表格", max_attempts=3)(run)


def run(ctx: Any) -> dict[str, Any]:
    """Write the file, keep it, record who exported what. Raises Problem: not found, refused (too many rows)."""
    from core.policy.activation import is_enabled

    principal = _principal(ctx.params["user"], ctx.hospital)
    found = registry.get(ctx.params["key"])
    if principal is None or found is None or not is_enabled(found.spec.plugin, ctx.hospital.id):
        raise NotFound()
    rights = Rights(principal, found, ACTIONS)
    if not found.spec.export or not all(rights.may(a) for a in ACTIONS):
        raise NotFound()
    with hospital_scope(ctx.hospital):
        asked = listing.read(rights, ctx.params["where"], ctx.params["q"], ctx.params["order"])
        scope = Scope(principal, found.spec.policy_type, ACTIONS)
        total = found.source.count(scope, asked.where, MAX_ROWS)
        if total > MAX_ROWS:
            raise Refused(f"结果超过 {MAX_ROWS} 行，无法一次导出。请增加筛选条件后分几次导出。")
        when = clock.now().astimezone(ZoneInfo(ctx.hospital.zone))
        said = f"{ctx.hospital.name}；导出人 {principal.label}；{when:%Y-%m-%d %H:%M}；筛选：{words(found, asked.where)}；共 {total} 行"
        draft = _draft()
        try:
            pages = _rows(found, rights, scope, asked, ctx, total)
            written, masked = write(draft, found, said, pages)
            return _keep(
                ctx,
                principal,
                found,
                draft,
                f"{found.spec.label_plural or found.spec.label} {when:%Y%m%d-%H%M}.xlsx",
                written,
                masked,
            )
        finally:
            draft.unlink(missing_ok=True)


def words(found: Registered, where: Any) -> str:
    """The filter in words."""
    fields = found.spec.fields
    return in_words(
        where, {f.key: f.label for f in fields}, {f.key: dict(f.labels) for f in fields if f.labels}
    )


def write(path: Path, found: Registered, said: str, rows: Iterator[Row]) -> tuple[int, bool]:
    """One sheet, row by row: title, what it is, labels, rows. How many rows, and whether anything is masked.

    Text is always written as text, so that "=1+1" typed into a name never becomes a formula.
    """
    import xlsxwriter

    columns = [f for f in found.spec.fields if f.column]
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(str(path), options) as book:
        styles = {
            "title": book.add_format({"bold": True, "font_size": 14}),
            "head": book.add_format({"bold": True, "bottom": 1, "bg_color": "#EEF3F1"}),
            "date": book.add_format({"num_format": "yyyy-mm-dd"}),
            "datetime": book.add_format({"num_format": "yyyy-mm-dd hh:mm"}),
            "money": book.add_format({"num_format": "#,##0.00"}),
            "text": None,
        }
        sheet = book.add_worksheet(_sheet_name(found.spec.label_plural or found.spec.label))
        sheet.freeze_panes(3, 0)
        for i, field in enumerate(columns):
            sheet.set_column(i, i, 24 if field.role == "primary" else 14)
        sheet.write_string(0, 0, found.spec.label_plural or found.spec.label, styles["title"])
        sheet.write_string(1, 0, said[:CELL_LIMIT])
        for i, field in enumerate(columns):
            sheet.write_string(2, i, field.label, styles["head"])
        written, masked = 0, False
        for row in rows:
            for i, field in enumerate(columns):
                if field.key in row.masked:
                    masked = True
                    sheet.write_string(3 + written, i, "…")
                else:
                    _cell(sheet, 3 + written, i, field, row.values.get(field.key), styles)
            written += 1
        if masked:
            sheet.write_string(4 + written, 0, "“…”表示您无权查看的内容。")
    return written, masked


def _rows(found: Registered, rights: Rights, scope: Scope, asked: Any, ctx: Any, total: int) -> Iterator[Row]:
    place, done = None, 0
    while done < MAX_ROWS:
        page = found.source.select(scope, asked.where, asked.order, place, min(PAGE, MAX_ROWS - done))
        for row in page:
            yield rights.masked(row)
        done += len(page)
        ctx.progress(done, max(total, done), "正在写入表格")
        if len(page) < PAGE:
            return
        place = page[-1].place


def _keep(
    ctx: Any, principal: Any, found: Registered, draft: Path, name: str, written: int, masked: bool
) -> dict[str, Any]:
    from core.files.domain import store_path
    from core.resources import ports

    spec = found.spec
    content = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    mine = {"owner_type": "org.user", "owner_uid": principal.user_uid}  # only who asked for it may open it
    about = {"kind": "export", "data_class": spec.data_class, "content_type": content, **mine}
    file = store_path(draft, name=name, hospital=ctx.hospital, by=principal.actor, **about)
    href = f"/api/v1/h/{ctx.hospital.slug}/files/{file.uid}/content"
    answer = {
        "file": str(file.uid),
        "name": name,
        "size": file.size,
        "rows": written,
        "masked": masked,
        "href": href,
    }
    with ctx.complete(answer):
        facts = {
            "rows": written,
            "masked": masked,
            "file": str(file.uid),
            "sha256": file.sha256,
            "where": ctx.params["where"],
            "q": ctx.params["q"],
        }
        ports.record(f"{spec.key}.export", spec.key, "*", facts, ctx.hospital)
        ports.emit(f"{spec.key}.export", {"rows": written, "file": str(file.uid)}, ctx.hospital)
    return answer


def _principal(user_uid: str, hospital: Any) -> Any:
    from core.org.models import User
    from core.policy.principal import principal_for

    user = User.objects.filter(uid=user_uid, is_active=True).first()
    return principal_for(user, hospital) if user else None


def _draft() -> Path:
    from django.conf import settings

    folder = Path(settings.HOME) / "exports"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder / f"{secrets.token_hex(16)}.xlsx"


def _sheet_name(label: str) -> str:
    return "".join(c for c in label if c not in "[]:*?/\\'")[:31] or "导出"


def _cell(sheet: Any, line: int, column: int, field: Field, value: Any, styles: dict[str, Any]) -> None:
    if value is None:
        return
    if isinstance(value, bool):
        sheet.write_string(line, column, "是" if value else "否")
    elif isinstance(value, datetime):
        local = value.astimezone(ZoneInfo("Asia/Shanghai")).replace(tzinfo=None) if value.tzinfo else value
        sheet.write_datetime(line, column, local, styles["datetime"])
    elif isinstance(value, date):
        sheet.write_datetime(line, column, value, styles["date"])
    elif isinstance(value, int | float | Decimal) and len(str(value)) <= 15:
        sheet.write_number(line, column, value, styles["money"] if field.type == "money" else None)
    else:  # texts, and numbers that Excel's doubles would change
        text = field.labels.get(str(value), str(value))
        sheet.write_string(line, column, "".join(c for c in text if c >= " " or c in "\t\n")[:CELL_LIMIT])
