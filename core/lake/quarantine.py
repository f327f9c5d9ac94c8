"""Rows kept out, with place and reason; what is shown of them holds only the mapped columns, the patient hidden."""

import json
from typing import Any

from core.kernel.context import Actor, acting
from core.lake.check import cell_of, describe
from core.lake.datasets import DataSet
from core.lake.models import LakeImport, LakeQuarantine
from core.lake.readers import Shape, Sheet
from core.lake.stage import Staged

KEPT = 1000  # per import; all are counted in the ledger
BATCH = 500
MAX_CELL = 200


def keep_quarantined(
    con: Any,
    lake_import: LakeImport,
    dataset: DataSet,
    shape: Shape,
    sheet: Sheet,
    staged: Staged,
    *,
    by: Actor,
) -> None:
    """Write the first `KEPT` rows that stay out. Runs again safely: an earlier attempt's rows are replaced."""
    rows = _odd_widths(lake_import, sheet, staged)
    rows += _bad_cells(con, lake_import, dataset, sheet, staged)
    rows = sorted(rows, key=lambda r: r.file_row)[:KEPT]
    old = LakeQuarantine.unscoped.filter(lake_import=lake_import)
    if old.exists():
        with acting(by):
            old.delete()
    for start in range(0, len(rows), BATCH):
        with acting(by):
            LakeQuarantine.unscoped.bulk_create(rows[start : start + BATCH])


def _odd_widths(lake_import: LakeImport, sheet: Sheet, staged: Staged) -> list[LakeQuarantine]:
    skipped, width = staged.skipped, len(sheet.columns)
    listed = zip(skipped.numbers, skipped.cells, strict=True)
    return [
        LakeQuarantine(
            hospital_id=lake_import.hospital_id,
            lake_import=lake_import,
            file_row=number,
            reason="row_width",
            message=f"这一行有 {cells} 列，表头有 {width} 列。",
        )
        for number, cells in list(listed)[:KEPT]
    ]


def _bad_cells(
    con: Any, lake_import: LakeImport, dataset: DataSet, sheet: Sheet, staged: Staged
) -> list[LakeQuarantine]:
    keys = [k for k in staged.used if dataset.column(k).kind != "patient"]
    raws = ", ".join(f"raw.{staged.used[k]}" for k in keys)
    picked = con.execute(
        f"SELECT c.file_row, c.bad, c.bad_column{', ' + raws if raws else ''} FROM checked c JOIN raw USING (file_row)"
        f" WHERE c.bad <> '' OR c.superseded ORDER BY c.file_row LIMIT {KEPT}"
    ).fetchall()
    found = []
    for row, reason, key, *cells in picked:
        raw = {lake_import.mapping[k]: (v or "")[:MAX_CELL] for k, v in zip(keys, cells, strict=True)}
        name = lake_import.mapping.get(key, "")
        if reason:
            message = f"“{name}”列：" + describe(reason, dataset.column(key), raw.get(name, ""))[0]
        else:
            reason, message = "superseded", "同一编号在文件后面又出现，以后面的一行为准。"
        found.append(
            LakeQuarantine(
                hospital_id=lake_import.hospital_id,
                lake_import=lake_import,
                file_row=row,
                column=name[:120],
                cell=cell_of(sheet, name, row),
                reason=reason,
                message=message[:400],
                raw=json.dumps(raw, ensure_ascii=False),
            )
        )
    return found
