"""Land the planted lines for three hospitals, each by a filtered import of the same file.

`python -m benchmarks.lake.planted FOLDER [--json]`, FOLDER holding lines.parquet. In a data folder of its own,
deleted afterwards. Goal: the three together ≤ 60 s and ≤ 1 GB peak (resident set of this process, which does all).
"""

import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import row

GOAL_SECONDS, GOAL_MB, GOAL_ROW = 60.0, 1024, 300  # milliseconds


def main(folder: Path) -> dict[str, Any]:
    """Run and measure."""
    with tempfile.TemporaryDirectory(prefix="qinglian-bench-") as home:
        os.environ["QINGLIAN_HOME"] = home
        os.environ["QINGLIAN_DATABASE_URL"] = ""
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "core.settings.embedded")
        import django

        django.setup()
        return _measure(folder)


def _measure(folder: Path) -> dict[str, Any]:
    from django.core.management import call_command

    from core.kernel.context import Actor, actor_scope, hospital_scope
    from core.lake import domain, query
    from core.lake.rows import source_row
    from core.org.models import Hospital

    by = Actor.system("benchmark")
    runs, reads = [], []
    with actor_scope(by):
        call_command("migrate", verbosity=0)
        for number in (1, 2, 3):
            hospital = Hospital.objects.create(slug=f"h{number}", name=f"H{number}", zone="Asia/Shanghai")
            with hospital_scope(hospital):
                start, cpu = time.perf_counter(), time.process_time()
                upload = domain.receive_path(
                    folder / "lines.parquet", dataset="prescription_lines", hospital=hospital, by=by
                )
                made = domain.start_import(upload, by=by, where=f"hospital = H{number}")
                made = domain.run_import(made, by=by)
                runs.append(
                    {
                        "hospital": f"H{number}",
                        "seconds": round(time.perf_counter() - start, 2),
                        "cpu": round(time.process_time() - cpu, 2),
                        "rows": made.rows_landed,
                        "months": len(made.months),
                    }
                )
                table = query.tables(query.connect("worker"), query.pins(hospital, "prescription_lines"))
                lines = table.file_row.max().execute()
                for n in (lines, lines // 2, 1):
                    start = time.perf_counter()
                    source_row(made, int(n))
                    reads.append(round((time.perf_counter() - start) * 1000))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    seconds = round(sum(r["seconds"] for r in runs), 2)
    return {
        "runs": runs,
        "seconds": seconds,
        "peak_mb": peak,
        "source_row_ms": sorted(reads),
        "load": os.getloadavg()[0],
        "passed": seconds <= GOAL_SECONDS and peak <= GOAL_MB and max(reads) <= GOAL_ROW,
    }


if __name__ == "__main__":
    found = main(Path(sys.argv[1]))
    if "--json" in sys.argv:
        print(json.dumps(found, ensure_ascii=False, indent=1))
    else:
        for run in found["runs"]:
            print(
                f"{run['hospital']}  {run['rows']:>8,} 行  {run['months']} 个月  {run['seconds']:>6} s  CPU {run['cpu']:>6} s"
            )
        seconds, peak, slowest = found["seconds"], found["peak_mb"], max(found["source_row_ms"])
        row("三次导入合计", f"{seconds} 秒", f"≤ {GOAL_SECONDS:.0f}", seconds <= GOAL_SECONDS)
        row("内存峰值", f"{peak} MB", f"≤ {GOAL_MB}", peak <= GOAL_MB)
        row("由一行查原始文件：最慢", f"{slowest} 毫秒", f"≤ {GOAL_ROW}", slowest <= GOAL_ROW)
    sys.exit(0 if found["passed"] else 1)
