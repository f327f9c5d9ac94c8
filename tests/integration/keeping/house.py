"""A house worth a backup: two hospitals, landed months, files, a document of the pages, a sealed log, a sealed cell.

`fill()` fills the database and data folder of the settings. As a program: `house.py build` makes the tables first.
"""

import random
import sys
from pathlib import Path

import django

if __name__ == "__main__":
    django.setup()

from django.conf import settings
from django.core.management import call_command
from wagtail.documents import get_document_model

from core.audit.sealer import seal_pending
from core.files import domain as files
from core.kernel.context import Actor, actor_scope, hospital_scope
from core.lake import domain as lake
from core.org.models import Hospital
from core.testing.world import World
from core.vault.cells import seal

BY = Actor.system("test")
HEAD = "明细编号,处方号,日期,科室,医师,患者,就诊类型,药品耗材,类别,数量,单价,金额,原明细编号\n"
PLACE = {"table": "org_person", "column": "id_number", "row": "1"}
#: Bytes that do not compress, so that the archive has several chunks.
LETTER = random.Random(5).randbytes(3_300_000)


def lines(numbers: range, day: str, qty: int) -> str:
    """Good prescription lines."""
    return HEAD + "".join(
        f"{n},RX{n},{day},内科,D{n % 7},P{n},门诊,I{n % 5},药品,{qty},10,{qty * 10},\n" for n in numbers
    )


def fill() -> str:
    """Fill; gives a sealed cell that only opens with the house's keys."""
    with actor_scope(BY):
        World.small()
        hospital = Hospital.objects.get(slug="binjiang")
        with hospital_scope(hospital):
            for numbers, day, qty in (
                (range(300), "2024-03-05", 2),
                (range(300, 500), "2024-04-05", 2),
                (range(40), "2024-03-05", 3),  # a second version of March
            ):
                source = Path(settings.HOME) / "lines.csv"
                source.write_text(lines(numbers, day, qty))
                upload = lake.receive_path(source, dataset="prescription_lines", hospital=hospital, by=BY)
                lake.run_import(lake.start_import(upload, by=BY), by=BY)
            for name in ("函.bin", "同样的函.bin"):
                files.store_bytes(LETTER, name=name, hospital=hospital, by=BY)
        stray = Path(settings.HOME) / "lake" / "stray.parquet"
        stray.write_bytes(b"no row names it")
        document = Path(settings.HOME) / "media" / "documents" / "规定.txt"
        document.parent.mkdir(parents=True)
        document.write_text("院内规定")
        get_document_model().objects.create(title="制度", file="documents/规定.txt")
        cell = seal("身份证号", **PLACE)
        while seal_pending(full=True):
            pass
    return cell


if __name__ == "__main__":
    if sys.argv[1:] == ["build"]:
        with actor_scope(BY):
            call_command("migrate", interactive=False, verbosity=0)
    sys.stdout.write(fill())
