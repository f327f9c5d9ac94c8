"""Parquet files: schema and samples from the footer and the first rows."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from core.lake.readers.shape import MAX_COLUMNS, SAMPLES, Shape, Sheet, bad_file
from core.lake.readers.sniff import damaged

MAX_UNPACKED = 64 * 1024**3


def look(path: Path, name: str) -> Shape:
    """Columns and samples. Raises Problem for a file cut off, encrypted or beyond the limits."""
    try:
        file = pq.ParquetFile(path)
        names, meta = file.schema_arrow.names, file.metadata
        if len(names) > MAX_COLUMNS:
            raise bad_file(
                name, f"有 {len(names)} 列，最多支持 {MAX_COLUMNS} 列。", "请只导出需要的列后再上传。"
            )
        unpacked = sum(meta.row_group(i).total_byte_size for i in range(meta.num_row_groups))
        if unpacked > MAX_UNPACKED:
            raise bad_file(name, f"解压后约 {unpacked // 1024**3} GB，超出安全限度。", "请按月拆分后再上传。")
        samples = _samples(file, names)
    except (pa.ArrowException, OSError) as error:
        raise damaged(name) from error
    if meta.num_rows == 0:
        raise bad_file(name, "文件里没有数据行。", "请确认导出是否完成，重新导出后再上传。")
    sheet = Sheet(name="", rows=meta.num_rows, header_row=0, columns=list(names), samples=samples)
    return Shape(file=name, format="parquet", size=path.stat().st_size, sheets=[sheet])


def _samples(file: pq.ParquetFile, names: list[str]) -> list[list[str]]:
    for batch in file.iter_batches(batch_size=SAMPLES):
        return [["" if v is None else str(v)[:60] for v in column.to_pylist()] for column in batch.columns]
    return [[] for _ in names]
