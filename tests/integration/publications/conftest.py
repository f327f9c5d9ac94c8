"""Two quarters of invented prescriptions in binjiang, and short ways to freeze, look and damage."""

import io
import json
import random
from collections.abc import Iterator
from decimal import Decimal
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from core.audit.testing import thawed
from core.jobs.testing import run_pending
from core.kernel.context import actor_scope, hospital_scope
from core.plugin_host import service
from core.publications.models import Snapshot
from tests.integration.warning.conftest import BY, House

QUARTERS = {"2024-Q3": ["2024-07", "2024-08", "2024-09"], "2024-Q4": ["2024-10", "2024-11", "2024-12"]}
MONTHS = [month for months in QUARTERS.values() for month in months]
DRUGS = [f"Y{n:02d}" for n in range(1, 29)]
#: Drugs that nobody ranks: hardly prescribed, and all returned.
RARE, BACK = "Y27", "Y28"
TWINS = ("Y05", "Y06")  # always sold together at the same price: only the code parts them
NO_DOSE = {"Y03", "Y07", "Y11"}
DEPARTMENTS = ("骨科", "心内科")

Line = dict[str, Any]


def made_lines(doctors: dict[str, list[str]]) -> list[Line]:
    """Some 3,500 lines by a fixed seed: fractions, returns (same quarter, next quarter, of unknown lines), consumables."""
    dice = random.Random(4)
    rows: list[Line] = []

    def add(rx: str, day: str, doctor: str, item: str, qty: str, price: str, **more: Any) -> Line:
        department = next(name for name, codes in doctors.items() if doctor in codes)
        row = {
            "source_key": f"K{len(rows) + 1:05d}",
            "rx": rx,
            "date": day,
            "department": department,
            "doctor": doctor,
            "patient": f"P{len(rows) % 300}",
            "visit_type": "O",
            "item": item,
            "kind": "consumable" if item.startswith("H") else "drug",
            "supplier": "供应商甲",
            "qty": qty,
            "price": price,
            "amount": str((Decimal(qty) * Decimal(price)).quantize(Decimal("0.00001"))),
            "original_key": "",
        } | more
        rows.append(row)
        return row

    everyone = [code for both in zip_longest(*doctors.values()) for code in both if code]
    for month in MONTHS:
        for number in range(190):
            rx, doctor = f"R{month}-{number}", everyone[number % (13 if number % 3 else len(everyone))]
            day = f"{month}-{number % 28 + 1:02d}"
            for item in dice.sample([d for d in DRUGS if d not in {RARE, BACK, *TWINS}], 2):
                sold = add(
                    rx,
                    day,
                    doctor,
                    item,
                    f"{dice.randint(1, 9000) / 1000:.3f}",
                    f"{10 + DRUGS.index(item) * 1.37:.2f}",
                )
                if dice.random() < 0.06:  # half or all of it comes back, some in a later month
                    back = (
                        sold["qty"]
                        if dice.random() < 0.5
                        else str((Decimal(sold["qty"]) / 2).quantize(Decimal("0.001")))
                    )
                    later = MONTHS[min(MONTHS.index(month) + dice.randint(0, 1), len(MONTHS) - 1)]
                    add(
                        rx,
                        f"{later}-28",
                        doctor,
                        item,
                        f"-{back}",
                        sold["price"],
                        original_key=sold["source_key"],
                    )
            if number % 6 == 0:
                for twin in TWINS:
                    add(rx, day, doctor, twin, "2.5", "20.00")
            if number % 10 == 0:
                add(rx, day, doctor, "H01", "3", "500.00")
        add(f"RR{month}", f"{month}-03", everyone[0], RARE, "90", "400.00")
        gone = add(f"RB{month}", f"{month}-04", everyone[0], BACK, "50", "90.00")
        add(f"RB{month}", f"{month}-05", everyone[0], BACK, "-50", "90.00", original_key=gone["source_key"])
        add(f"RO{month}", f"{month}-06", everyone[1], "Y10", "-4", "12.00", original_key=f"OLD-{month}")
    return rows


class Bench(House):
    """The warning tests' hospital with these lines."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        codes = self.world.sites["binjiang"].doctors
        extra = {"骨科": [f"G{n}" for n in range(12)], "心内科": [f"X{n}" for n in range(11)]}
        self.staff = {name: [*codes[name], *extra[name]] for name in DEPARTMENTS}
        self.rows = made_lines(self.staff)
        self.items = [
            {
                "item": code,
                "name": f"示例药品{code[1:]}",
                "kind": "consumable" if code.startswith("H") else "drug",
                "price": "10",
                "ddd_per_unit": ""
                if code in NO_DOSE or code.startswith("H")
                else f"{1 + DRUGS.index(code) * 0.25:.2f}",
                "antibacterial_level": 0,
                "sex_limit": "",
                "supplier": "供应商甲",
            }
            for code in [*DRUGS, "H01"]
        ]

    def fill(self) -> None:
        """Import the catalogue, the doctors' departments and all lines."""
        self.bring_rows("items", self.items)
        homes = [
            {"doctor": d, "department": k, "antibacterial_level": 2}
            for k, codes in self.staff.items()
            for d in codes
        ]
        self.bring_rows("doctors", homes)
        self.bring_lines(self.rows)

    def bring_rows(self, dataset: str, rows: list[Line], **options: Any) -> None:
        """Import rows of another data set."""
        from tests.support.lines import as_csv

        self.bring(as_csv(dataset, rows), dataset, **options)

    def ask_freeze(self, role: str = "inspector", **values: str) -> Any:
        """Press the button, let the job run; the job as its page shows it."""
        sent = {"quarter": "2024-Q4", "kind": "top20_drugs"} | values
        answer = self.post(role, "/resources/warning.ranking/commands/freeze", {"values": sent})
        assert answer.status_code == 200, answer.content
        run_pending()
        return self.get(role, f"/jobs/{answer.json()['job']}").json()

    def freeze(self, kind: str = "top20_drugs", quarter: str = "2024-Q4", **more: str) -> Snapshot:
        """The same, and the snapshot that came of it."""
        job = self.ask_freeze(kind=kind, quarter=quarter, **more)
        assert job["state"] == "done", job
        return Snapshot.unscoped.get(uid=job["result"]["snapshot"])

    def page(self, snapshot: Snapshot, role: str = "inspector") -> Any:
        """The page of a snapshot; the response."""
        return self.get(role, f"/resources/publications.snapshot/rows/{snapshot.uid}")


def panel(page: Any, name: str) -> Any:
    """One panel of a detail page's JSON, or None."""
    return next((one for one in page["panels"] if one["id"] == name), None)


def damage(snapshot: Snapshot, column: str, value: Any) -> None:
    """Write into the row as somebody with the database in hand would: the triggers off for a moment."""
    with thawed(), connection.cursor() as cursor:
        cursor.execute(
            f'UPDATE publications_snapshot SET "{column}" = %s WHERE id = %s', [value, snapshot.pk]
        )


def verify_command() -> tuple[int, Any]:
    """`manage.py publications verify --json`: exit status and answer."""
    out, status = io.StringIO(), 0
    try:
        call_command("publications", "verify", "--json", stdout=out)
    except SystemExit as stop:
        status = int(stop.code or 0)
    return status, json.loads(out.getvalue())


@pytest.fixture
def bench(db: None, settings: Any, tmp_path: Path) -> Iterator[Bench]:
    """The hospital in context with the plugin on and both quarters imported."""
    settings.HOME = tmp_path / "home"
    settings.HOME.mkdir(mode=0o700)
    with actor_scope(BY):
        made = Bench(tmp_path)
        service.enable("warning", made.hospital, by=BY)
        with hospital_scope(made.hospital):
            made.fill()
            yield made
