"""A hospital, an actor, a data folder of the test's own, and one short way to bring a file in."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.kernel.context import Actor, actor_scope, hospital_scope
from core.lake import domain, query
from core.lake.models import LakeImport
from core.org.models import Hospital

BY = Actor.system("test")
HEAD = "明细编号,处方号,日期,科室,医师,患者,就诊类型,药品耗材,类别,数量,单价,金额,原明细编号\n"


def line(
    key: object,
    day: str = "2024-03-05",
    qty: object = 2,
    price: object = "10.00",
    amount: object = "20.00",
    **other: str,
) -> str:
    """One good prescription line."""
    original = other.get("original", "")
    doctor, patient, item = other.get("doctor", "D1"), other.get("patient", "P1"), other.get("item", "I1")
    return f"{key},RX{key},{day},内科,{doctor},{patient},门诊,{item},药品,{qty},{price},{amount},{original}\n"


@pytest.fixture
def hospital(db: None, settings: Any, tmp_path: Path) -> Iterator[Hospital]:
    """A hospital in context, with an actor and an empty data folder."""
    settings.HOME = tmp_path / "home"
    settings.HOME.mkdir(mode=0o700)
    with actor_scope(BY):
        made = Hospital.objects.create(slug="demo", name="示例医院", zone="Asia/Shanghai")
        with hospital_scope(made):
            yield made


@pytest.fixture
def bring(hospital: Hospital, tmp_path: Path) -> Callable[..., LakeImport]:
    """Write a file and import it: `bring("a.csv", text, dataset=…, mode=…)`; Problems pass through."""

    def run(
        name: str, content: str | bytes, *, dataset: str = "prescription_lines", **options: Any
    ) -> LakeImport:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return bring_path(hospital, path, dataset=dataset, **options)

    return run


def bring_path(
    hospital: Hospital, path: Path, *, dataset: str = "prescription_lines", **options: Any
) -> LakeImport:
    """Import a file that lies ready."""
    upload = domain.receive_path(path, dataset=dataset, hospital=hospital, by=BY)
    return domain.run_import(domain.start_import(upload, by=BY, **options), by=BY)


def landed(hospital: Hospital, dataset: str = "prescription_lines", **which: Any) -> list[dict[str, Any]]:
    """All landed lines, by key then file row, read the way rules read them."""
    table = query.tables(query.connect("web"), query.pins(hospital, dataset, **which), dataset)
    rows = table.to_pyarrow().to_pylist()
    return sorted(rows, key=lambda r: (r["source_key"] or "", r["file_row"]))
