"""Runs in a process of its own (Django set up once, DuckDB never opened before a fork); prints JSON for test_faults.

Each attempt is a forked child that may be killed at a named point; each check is a forked child too.
"""

import json
import os
import resource
import sys
import traceback
from pathlib import Path

import django
import pyarrow.parquet as pq

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connections  # noqa: E402

from core.kernel.context import Actor, actor_scope, hospital_scope  # noqa: E402
from core.kernel.errors import Problem  # noqa: E402
from core.lake import domain, faults, land, query  # noqa: E402
from core.lake.models import LakeImport, MonthVersion  # noqa: E402
from core.org.models import Hospital  # noqa: E402

BY = Actor.system("test")
HEAD = "明细编号,处方号,日期,科室,医师,患者,就诊类型,药品耗材,类别,数量,单价,金额,原明细编号\n"


def lines(numbers, qty=2, day="2024-03-05"):
    """Good lines with keys `numbers`."""
    return "".join(f"{n},RX{n},{day},内科,D{n},P{n},门诊,I1,药品,{qty},10,20,\n" for n in numbers)


def forked(work) -> tuple[int, object]:
    """Run `work` in a child; its exit code and what it returned."""
    connections.close_all()
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        try:
            with actor_scope(BY):
                answer = work()
            os.write(write, json.dumps(answer).encode())
            connections.close_all()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    os.close(write)
    data = b""
    while piece := os.read(read, 65536):
        data += piece
    os.close(read)
    status = os.waitpid(pid, 0)[1]
    return os.waitstatus_to_exitcode(status), json.loads(data) if data else None


def ready(hospital, path: Path) -> LakeImport:
    """A ledger line waiting to be run."""
    upload = domain.receive_path(path, dataset="prescription_lines", hospital=hospital, by=BY)
    return domain.start_import(upload, by=BY)


def state(hospital) -> dict:
    """What a reader and the disk hold."""
    with hospital_scope(hospital):
        files = [land.root() / v.path for v in query.pins(hospital, "prescription_lines")]
        rows = [row for file in files for row in pq.read_table(file).to_pylist()]
        named = set(MonthVersion.objects.values_list("path", flat=True))
    folder = land.root() / hospital.slug
    there = {str(p.relative_to(land.root())) for p in folder.rglob("*") if p.is_file()}
    work = land.root() / ".work"
    return {
        "rows": sorted([r["source_key"], r["date"].isoformat(), int(r["qty"])] for r in rows),
        "orphans": sorted(there - named),
        "missing": sorted(named - there),
        "work": sorted(p.name for p in work.iterdir()) if work.is_dir() else [],
    }


def kill_at(point: str, folder: Path) -> dict:
    """Kill an import that corrects one month and adds another, at `point`; then run it again, then another one."""
    hospital = Hospital.objects.create(
        slug=f"k{faults.POINTS.index(point)}", name=point, zone="Asia/Shanghai"
    )
    first, second, third = (folder / f"{point}{n}.csv" for n in (1, 2, 3))
    first.write_text(HEAD + lines(range(1, 4)), "utf-8")
    # GB18030, so that the file is transcoded and every point is passed
    second.write_bytes((HEAD + lines([2, 9], qty=7) + lines([5], day="2024-04-02")).encode("gb18030"))
    third.write_text(HEAD + lines([30]), "utf-8")
    forked(lambda: domain.run_import(ready(hospital, first), by=BY).state)

    def attempt():
        made = ready(hospital, second)
        os.environ["QINGLIAN_FAULT"] = f"lake:{point}"
        domain.run_import(made, by=BY)
        return "survived"

    def upload_attempt():
        os.environ["QINGLIAN_FAULT"] = f"lake:{point}"
        ready(hospital, second)
        return "survived"

    code = forked(upload_attempt if point == "after_sniff" else attempt)[0]

    def afterwards():
        after = state(hospital)
        found = LakeImport.unscoped.filter(hospital=hospital).latest("id")
        if point == "after_sniff":
            found = ready(hospital, second)
        resumed, end = domain.run_import(found, by=BY).state, state(hospital)
        other = domain.run_import(ready(hospital, third), by=BY).state
        return {"after": after, "resumed": resumed, "end": end, "other": other, "last": state(hospital)}

    return {"code": code} | (forked(afterwards)[1] or {})


def two_at_once(folder: Path) -> dict:
    """Two processes import into the same month at the same time."""
    hospital = Hospital.objects.create(slug="two", name="同时", zone="Asia/Shanghai")
    paths = []
    for n in range(2):
        path = folder / f"two{n}.csv"
        path.write_text(HEAD + lines(range(n * 5000, (n + 1) * 5000)), "utf-8")
        paths.append(path)
    connections.close_all()
    pids = []
    for path in paths:
        pid = os.fork()
        if pid == 0:
            with actor_scope(BY):
                domain.run_import(ready(hospital, path), by=BY)
            connections.close_all()
            os._exit(0)
        pids.append(pid)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    answer = forked(lambda: state(hospital))[1]
    numbers = forked(lambda: _numbers(hospital))[1]
    return {"codes": codes, "rows": len(answer["rows"]), "orphans": answer["orphans"]} | numbers


def _numbers(hospital) -> dict:
    from core.lake.models import LakeCode

    found = list(LakeCode.objects.filter(hospital=hospital, kind="patient").values_list("number", flat=True))
    versions = list(MonthVersion.unscoped.filter(hospital=hospital).values_list("version", "rows"))
    return {"patients": len(found), "distinct": len(set(found)), "versions": sorted(versions)}


def full_disk(folder: Path) -> dict:
    """Files may grow to 3 MB only: the kernel refuses the rest, as on a full disk."""
    hospital = Hospital.objects.create(slug="full", name="满", zone="Asia/Shanghai")
    path = folder / "full.csv"
    noise = os.urandom(4_000_000).hex()
    with path.open("w", encoding="utf-8") as out:
        out.write(HEAD)
        for n in range(60_000):
            out.write(f"{noise[n * 100 : n * 100 + 100]},RX{n},2024-03-05,内科,D1,P1,门诊,I1,药品,2,10,20,\n")

    def attempt():
        made = ready(hospital, path)
        resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))
        try:
            domain.run_import(made, by=BY)
        except Problem as problem:
            return {
                "code": problem.code,
                "detail": problem.detail,
                "state": LakeImport.unscoped.get(pk=made.pk).state,
            }
        return {"code": "landed"}

    def upload():
        resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))
        try:
            ready(hospital, path)
        except Problem as problem:
            return problem.code
        return "kept"

    answer = forked(attempt)[1]
    kept = forked(upload)[1]
    after = forked(lambda: state(hospital))[1]
    drafts = [p.name for p in (land.settings.HOME / "files" / "tmp").iterdir()]
    resumed = forked(
        lambda: domain.run_import(LakeImport.unscoped.filter(hospital=hospital).latest("id"), by=BY).state
    )[1]
    return {"first": answer, "upload": kept, "after": after, "drafts": drafts, "resumed": resumed}


if __name__ == "__main__":
    work = Path(sys.argv[1])
    with actor_scope(BY):
        call_command("migrate", verbosity=0)
        answers = {
            "kills": {point: kill_at(point, work) for point in faults.POINTS},
            "two": two_at_once(work),
            "full": full_disk(work),
        }
    (work / "answers.json").write_text(json.dumps(answers), "utf-8")
