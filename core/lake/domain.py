"""The way of a file into the lake: receive, preview, start, run."""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import UUID

from core.files import domain as files
from core.files.models import StoredFile
from core.kernel.clock import now
from core.kernel.context import Actor, acting
from core.kernel.errors import FieldError, Invalid, NotFound, Problem
from core.kernel.ids import random_uid
from core.lake import datasets, land, lock
from core.lake.check import Checked, check, sample
from core.lake.datasets import DataSet
from core.lake.faults import point
from core.lake.models import LakeImport, LakeMapping, LakeUpload
from core.lake.quarantine import keep_quarantined
from core.lake.readers import Shape, Sheet, look
from core.lake.rows import build_index
from core.lake.stage import Staged, check_mapping, engine_errors, stage, workspace

Tick = Callable[[int, int, str], None]
MAX_FINDINGS = 200
OPEN = (LakeImport.State.WAITING, LakeImport.State.RUNNING)


def receive_upload(
    stream: Any, *, name: str, dataset: str, hospital: Any, by: Actor, source: str = ""
) -> LakeUpload:
    """Keep the raw file (class 3) and look at it. Raises Problem, the file then retired, for one that cannot be read."""
    declared = datasets.get(dataset)
    file = files.store_stream(stream, name=name, hospital=hospital, by=by, kind="lake.raw", data_class=3)
    return _look_at(file, declared, hospital=hospital, by=by, source=source)


def receive_path(path: Path, *, dataset: str, hospital: Any, by: Actor, source: str = "") -> LakeUpload:
    """The same for a file on this machine."""
    declared = datasets.get(dataset)
    file = files.store_path(path, hospital=hospital, by=by, kind="lake.raw", data_class=3)
    return _look_at(file, declared, hospital=hospital, by=by, source=source)


def get_upload(uid: UUID | str, *, hospital: Any) -> LakeUpload:
    """The upload. Raises NotFound for another hospital's."""
    found = (
        LakeUpload.unscoped.select_related("file", "hospital")
        .filter(hospital_id=hospital.id, uid=uid)
        .first()
    )
    if found is None:
        raise NotFound("没有找到这次上传，请重新上传文件。")
    return found


def get_import(uid: UUID | str, *, hospital: Any) -> LakeImport:
    """The ledger line. Raises NotFound for another hospital's."""
    found = (
        LakeImport.unscoped.select_related("file", "hospital")
        .filter(hospital_id=hospital.id, uid=uid)
        .first()
    )
    if found is None:
        raise NotFound("没有找到这次导入，或者您无权查看。")
    return found


def describe_upload(upload: LakeUpload) -> dict[str, Any]:
    """What the mapping page shows: sheets, columns, samples, the saved or guessed mapping."""
    shape = Shape.from_json(upload.shape)
    sheet = shape.sheet(None)
    return {
        "uid": str(upload.uid),
        "dataset": upload.dataset,
        "file": shape.file,
        "name": shape.file,
        "size": shape.size,
        "format": shape.format,
        "encoding": shape.encoding,
        "source": upload.source,
        "sheets": [
            {"name": s.name, "rows": s.rows, "columns": _columns(s), "mapping": mapping_for(upload, s)}
            for s in shape.sheets
        ],
        "columns": _columns(sheet),
        "mapping": mapping_for(upload, sheet),
        "modes": list(datasets.get(upload.dataset).modes),
        "notes": shape.notes,
    }


def mapping_for(upload: LakeUpload, sheet: Sheet) -> dict[str, str]:
    """The mapping saved for the source if it fits this sheet, else a guess from names."""
    saved = LakeMapping.unscoped.filter(
        hospital_id=upload.hospital_id, dataset=upload.dataset, source=upload.source
    ).first()
    if saved and set(saved.mapping.values()) <= set(sheet.columns):
        return saved.mapping
    return datasets.guess_mapping(datasets.get(upload.dataset), sheet.columns)


def preview_upload(
    upload: LakeUpload,
    *,
    mapping: dict[str, str] | None = None,
    sheet: str = "",
    where: str = "",
    mode: str = "",
) -> dict[str, Any]:
    """What an import would do, all rows checked, nothing written. Raises Problem for columns that do not fit."""
    declared = datasets.get(upload.dataset)
    shape = Shape.from_json(upload.shape)
    table = shape.sheet(sheet)
    chosen = _clean(mapping) if mapping is not None else mapping_for(upload, table)
    mode = _mode(declared, mode)
    conditions = check_mapping(declared, shape, table, chosen, where)
    with workspace(f"preview-{random_uid().hex}") as (folder, con), engine_errors(shape.file):
        staged = stage(
            con, folder, files.path(upload.file), upload.file.sha256, shape, table, chosen, conditions
        )
        checked = check(con, declared, shape, table, staged, chosen)
        newest = land.newest_versions(upload.hospital_id, upload.dataset)
        same = _landed_before(
            upload.hospital_id,
            upload.dataset,
            _fingerprint(upload.file.sha256, table.name, chosen, where, mode),
        )
        return {
            "rows_in": staged.rows_in,
            "rows_good": checked.rows_good,
            "rows_bad": checked.rows_bad,
            "rows_superseded": checked.rows_superseded,
            "rows_filtered": staged.rows_filtered,
            "months": [
                m
                | {
                    "existing_version": newest[m["month"]].version if m["month"] in newest else None,
                    "existing_rows": newest[m["month"]].rows if m["month"] in newest else None,
                }
                for m in checked.months
            ],
            "findings": [f.to_json() for f in checked.findings[:MAX_FINDINGS]],
            "sample": sample(con, declared),
            "columns": [{"key": c.key, "label": c.label, "type": c.type} for c in declared.columns],
            "mapping": chosen,
            "mode": mode,
            "same_as": str(same.uid) if same else None,
        }


def start_import(
    upload: LakeUpload,
    *,
    by: Actor,
    mapping: dict[str, str] | None = None,
    sheet: str = "",
    where: str = "",
    mode: str = "",
    accept_partial: bool = False,
) -> LakeImport:
    """A ledger line in state waiting, and the mapping saved for the source; the caller runs it or submits the job.

    Raises Problem at once for columns that do not fit.
    """
    declared = datasets.get(upload.dataset)
    shape = Shape.from_json(upload.shape)
    table = shape.sheet(sheet)
    chosen = _clean(mapping) if mapping is not None else mapping_for(upload, table)
    mode = _mode(declared, mode)
    check_mapping(declared, shape, table, chosen, where)
    with acting(by):
        LakeMapping.unscoped.update_or_create(
            hospital_id=upload.hospital_id,
            dataset=upload.dataset,
            source=upload.source,
            defaults={"mapping": chosen, "updated_at": now()},
        )
        made = LakeImport.unscoped.create(
            hospital=upload.hospital,
            dataset=upload.dataset,
            file=upload.file,
            file_name=shape.file,
            sha256=upload.file.sha256,
            source=upload.source,
            sheet=table.name,
            mapping=chosen,
            where=" ".join(where.split()),
            mode=mode,
            accept_partial=accept_partial,
            fingerprint=_fingerprint(upload.file.sha256, table.name, chosen, where, mode),
            row_index={"shape": upload.shape},
            requested_at=now(),
            requested_by=by.label[:300],
        )
        files.claim(upload.file, owner_type="lake.import", owner_uid=made.uid, by=by)
    return made


def run_import(
    lake_import: LakeImport, *, by: Actor, tick: Tick = lambda done, total, note: None
) -> LakeImport:
    """Bring the file in. Runs again after a kill or a refusal with the same result; done stays done.

    Raises Problem: bad_file, refused (bad rows and accept_partial off), disk_full, unavailable. The ledger line
    then says why, and no month has changed.
    """
    point("started")
    lake_import = LakeImport.unscoped.select_related("file", "hospital").get(pk=lake_import.pk)
    if lake_import.state in (LakeImport.State.DONE, LakeImport.State.UNCHANGED):
        return lake_import
    _set(lake_import, by, state=LakeImport.State.RUNNING, error=None)
    try:
        with engine_errors(lake_import.file_name):
            return _run(lake_import, by, tick)
    except Problem as problem:
        state = LakeImport.State.FAILED if problem.status >= 500 else LakeImport.State.REFUSED
        _set(lake_import, by, state=state, error=problem.body(), finished_at=now())
        raise
    except Exception:
        _set(lake_import, by, state=LakeImport.State.FAILED, finished_at=now())
        raise


def cancel_import(lake_import: LakeImport, *, by: Actor) -> None:
    """Note in the ledger that the import was stopped; nothing had been published."""
    LakeImport.unscoped.filter(pk=lake_import.pk, state__in=OPEN)
    _set(lake_import, by, state=LakeImport.State.CANCELLED, finished_at=now())


def summary(lake_import: LakeImport) -> dict[str, Any]:
    """The ledger line as the command line and the job report it."""
    return {
        "uid": str(lake_import.uid),
        "dataset": lake_import.dataset,
        "file": lake_import.file_name,
        "sha256": lake_import.sha256,
        "source": lake_import.source,
        "sheet": lake_import.sheet,
        "where": lake_import.where,
        "mode": lake_import.mode,
        "state": lake_import.state,
        "state_label": lake_import.get_state_display(),
        "rows_in": lake_import.rows_in,
        "rows_filtered": lake_import.rows_filtered,
        "rows_quarantined": lake_import.rows_quarantined,
        "rows_superseded": lake_import.rows_superseded,
        "rows_landed": lake_import.rows_landed,
        "months": lake_import.months,
        "findings": lake_import.findings,
        "error": lake_import.error,
        "same_as": str(lake_import.same_as.uid) if lake_import.same_as else None,
        "requested_by": lake_import.requested_by,
        "requested_at": lake_import.requested_at.isoformat(),
        "finished_at": lake_import.finished_at.isoformat() if lake_import.finished_at else None,
    }


def _run(lake_import: LakeImport, by: Actor, tick: Tick) -> LakeImport:
    declared = datasets.get(lake_import.dataset)
    path = files.path(lake_import.file)
    same = _landed_before(lake_import.hospital_id, lake_import.dataset, lake_import.fingerprint)
    if same:
        _set(
            lake_import, by, rows_in=same.rows_in, rows_filtered=same.rows_filtered, row_index=same.row_index
        )
        return _unchanged(lake_import, by, same)
    tick(0, 100, "读取文件")
    shape = Shape.from_json(lake_import.row_index["shape"])
    table = shape.sheet(lake_import.sheet or None)
    conditions = check_mapping(declared, shape, table, lake_import.mapping, lake_import.where)
    with workspace(lake_import.uid.hex) as (folder, con):
        staged = stage(con, folder, path, lake_import.sha256, shape, table, lake_import.mapping, conditions)
        tick(20, 100, "检查每一行")
        checked = check(con, declared, shape, table, staged, lake_import.mapping)
        _note(lake_import, by, staged, checked, path, shape)
        tick(35, 100, "记录不能入库的行")
        keep_quarantined(con, lake_import, declared, shape, table, staged, by=by)
        point("after_quarantine")
        _refuse_bad(lake_import, checked)
        with lock.held(lake_import, by=by, tick=lambda: tick(40, 100, "等待另一次导入结束")) as held:
            point("after_lease")
            same = _landed_before(lake_import.hospital_id, lake_import.dataset, lake_import.fingerprint)
            if same:
                return _unchanged(lake_import, by, same)
            made = land.land(
                con,
                declared,
                lake_import,
                held,
                by=by,
                tick=lambda done, total, note: tick(40 + 55 * done // max(total, 1), 100, note),
            )
            if not made:
                return _unchanged(lake_import, by, None)
            months = [{"month": f.month, "rows": f.rows, "version": f.version} for f in made]
            land.publish(
                lake_import,
                made,
                held,
                by=by,
                state=LakeImport.State.DONE,
                rows_landed=checked.rows_good,
                months=months,
                finished_at=now(),
            )
    tick(100, 100, "已入库")
    return lake_import


def _look_at(file: StoredFile, declared: DataSet, *, hospital: Any, by: Actor, source: str) -> LakeUpload:
    try:
        shape = look(files.path(file), file.name, file.sha256, declared)
    except Problem:
        files.retire(file, by=by)
        raise
    with acting(by):
        return LakeUpload.unscoped.create(
            hospital_id=hospital.id,
            dataset=declared.key,
            file=file,
            source=(source or source_name(file.name))[:120],
            shape=shape.to_json(),
            created_at=now(),
            created_by=by.label[:300],
        )


def source_name(file_name: str) -> str:
    """The source as its files are named, without dates and running numbers: “处方明细_202403.xlsx” → “处方明细”."""
    stem = file_name.rsplit(".", 1)[0]
    return re.sub(r"[\d年月日季度期]+", "", stem).strip(" _-.()（）第") or stem


def _note(
    lake_import: LakeImport, by: Actor, staged: Staged, checked: Checked, path: Path, shape: Shape
) -> None:
    index = build_index(path, shape)
    if index and abs(index["rows"] - staged.skipped.records) > 1:
        index = {}  # a quotation mark inside a field: offsets and parser disagree, so read from the start instead
    _set(
        lake_import,
        by,
        rows_in=staged.rows_in,
        rows_filtered=staged.rows_filtered,
        rows_quarantined=checked.rows_bad,
        rows_superseded=checked.rows_superseded,
        findings=[f.to_json() for f in checked.findings[:MAX_FINDINGS]],
        row_index={"shape": asdict(shape)} | index,
    )


def _refuse_bad(lake_import: LakeImport, checked: Checked) -> None:
    errors = [f for f in checked.findings if f.severity == "error"]
    places = [
        FieldError(
            file=lake_import.file_name,
            sheet=f.sheet or None,
            row=f.row,
            cell=f.cell or None,
            message=(f"“{f.column}”列：" if f.column else "")
            + f.message
            + (f"（共 {f.count} 行）" if f.count > 1 else ""),
            cure=f.cure,
        )
        for f in errors[:50]
    ]
    if checked.rows_bad and not lake_import.accept_partial:
        raise Problem(
            "refused",
            f"文件中有 {checked.rows_bad} 行有问题，整个文件都没有入库。请改正后重新导入，或选择只导入没有问题的行。",
            422,
            places,
        )
    if not checked.rows_good:
        if errors:
            raise Problem("refused", "没有一行可以入库。请改正后重新导入。", 422, places)
        raise Problem(
            "refused",
            "筛选之后没有剩下任何行。",
            422,
            [
                FieldError(
                    file=lake_import.file_name,
                    pointer="/where",
                    message="筛选之后没有剩下任何行。",
                    cure="请核对筛选条件中的列名和值。",
                )
            ],
        )


def _unchanged(lake_import: LakeImport, by: Actor, same: LakeImport | None) -> LakeImport:
    _set(
        lake_import,
        by,
        state=LakeImport.State.UNCHANGED,
        same_as=same,
        rows_landed=0,
        months=[],
        finished_at=now(),
    )
    return lake_import


def _landed_before(hospital_id: int, dataset: str, fingerprint: str) -> LakeImport | None:
    """The import with the same file, mapping and filter, if all it made is still the newest."""
    before = LakeImport.unscoped.filter(
        hospital_id=hospital_id, dataset=dataset, fingerprint=fingerprint, state=LakeImport.State.DONE
    ).first()
    if before is None:
        return None
    newest = land.newest_versions(hospital_id, dataset)
    mine = list(before.versions.values_list("month", "version"))
    return before if all(newest[month].version == version for month, version in mine) else None


def _fingerprint(sha256: str, sheet: str, mapping: dict[str, str], where: str, mode: str) -> str:
    said = json.dumps(
        [sha256, sheet, sorted(mapping.items()), " ".join(where.split()), mode], ensure_ascii=False
    )
    return hashlib.sha256(said.encode()).hexdigest()


def _mode(declared: DataSet, mode: str) -> str:
    chosen = mode or declared.modes[0]
    if chosen not in {"add", "replace_months"}:
        raise Invalid(
            f"没有“{chosen}”这种导入方式。",
            [FieldError(pointer="/mode", message="导入方式应为“按编号增补”或“整月替换”。")],
        )
    if chosen not in declared.modes:
        raise Invalid(
            f"“{declared.label}”没有逐行编号，不能增补。",
            [
                FieldError(
                    pointer="/mode",
                    message="没有逐行编号的数据不能增补。",
                    cure="请选择“整月替换”，并确认文件包含整月的数据。",
                )
            ],
        )
    return chosen


def _clean(mapping: dict[str, str]) -> dict[str, str]:
    return {key: name for key, name in mapping.items() if name}


def _columns(sheet: Sheet) -> list[dict[str, Any]]:
    return [{"name": n, "sample": s} for n, s in zip(sheet.columns, sheet.samples, strict=True)]


def _set(lake_import: LakeImport, by: Actor, **values: Any) -> None:
    for name, value in values.items():
        setattr(lake_import, name, value)
    with acting(by):
        lake_import.save(update_fields=list(values))
