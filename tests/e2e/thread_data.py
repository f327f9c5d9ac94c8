"""The files that the pharmacist brings in, and what must be seen of them: computed here, from these rows, by plain arithmetic.

Seven doctors of 骨科 write 36 prescriptions a month for three months; one of them (DEAR) doubles his prices' level in the
last two. Every number is derived from the running number of the line, so that the same rows come out every time.
"""

import csv
import io
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from statistics import median

import openpyxl

DEPARTMENT = "骨科"
DOCTORS = [f"YS{n:02d}" for n in range(1, 8)]
DEAR = "YS07"
MONTHS = ["2024-01", "2024-02", "2024-03"]
EACH = 36  # prescriptions of a doctor in a month
ITEMS = [("YP01", "示例止痛片", "12.50"), ("YP02", "示例消炎胶囊", "26.00"), ("YP03", "示例钙片", "8.40")]
#: Not the names the system uses itself: the wizard must guess.
HEADINGS = (
    "明细序号", "处方编号", "开方日期", "开单科室", "医师工号", "患者编号", "就诊类别", "药品编码", "项目类别",
    "供货商", "发药数量", "单价", "金额",
)  # fmt: skip
BAD_DATE = "2024/13/01"


@dataclass(frozen=True)
class Line:
    """One line of the file, as it should be."""

    key: str
    rx: str
    date: str
    doctor: str
    patient: str
    item: str
    qty: int
    price: Decimal

    @property
    def amount(self) -> Decimal:
        """Yuan."""
        return self.qty * self.price

    def cells(self, date: str | None = None) -> list[str]:
        """In the order of HEADINGS; `date` replaces the right one."""
        return [
            self.key, self.rx, date or self.date, DEPARTMENT, self.doctor, self.patient, "门诊", self.item, "药品",
            "示例医药公司", str(self.qty), str(self.price), str(self.amount),
        ]  # fmt: skip


def make_lines() -> list[Line]:
    """All lines in file order; the dear doctor's quantities are the others' times two in the last two months."""
    found: list[Line] = []
    for m, month in enumerate(MONTHS):
        for d, doctor in enumerate(DOCTORS):
            for n in range(EACH):
                number = len(found) + 1
                code, _, price = ITEMS[n % 3]
                usual = 2 + (n * 5 + d) % 4 + (n % (4 + d) == 0)  # no two doctors alike: peers must spread
                qty = usual * 2 + (1 if n % 9 == 0 else 0) if doctor == DEAR and m else usual
                if (doctor, month, n) == (DEAR, MONTHS[-1], 10):
                    qty = 30  # the largest amount of all: the line that the inspector follows
                found.append(
                    Line(
                        f"YM{number:05d}", f"YR{number:05d}", f"{month}-{1 + n % 28:02d}", doctor,
                        f"HZ{number:05d}", code, qty, Decimal(price),
                    )
                )  # fmt: skip
    return found


#: The line whose date is wrong in the first file: one of the dear doctor's last month.
BAD = next(i for i, line in enumerate(make_lines()) if line.doctor == DEAR and line.date == "2024-03-05")


def write_files(folder: Path) -> dict[str, Path]:
    """lines (one wrong date, GB18030), mended (the whole month file again, right), items, departments, doctors."""
    lines = make_lines()
    files = {
        "lines": folder / "处方明细2024年第一季度.csv",
        "mended": folder / "处方明细2024年第一季度更正.csv",
        "items": folder / "药品目录.xlsx",
        "departments": folder / "科室.csv",
        "doctors": folder / "医师.csv",
    }
    wrong = [line.cells(BAD_DATE if i == BAD else None) for i, line in enumerate(lines)]
    files["lines"].write_bytes(_csv([HEADINGS, *wrong]).encode("gb18030"))
    files["mended"].write_bytes(_csv([HEADINGS, *(line.cells() for line in lines)]).encode("gb18030"))
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in [("药品编码", "药品名称", "类别", "挂网价"), *((c, n, "药品", float(p)) for c, n, p in ITEMS)]:
        book.active.append(row)
    book.save(files["items"])
    departments = [("科室", "同类组", "院区", "控制指标"), (DEPARTMENT, "全部临床", "院本部", "30")]
    doctors = [("医师工号", "科室", "抗菌权限"), *((doctor, DEPARTMENT, "2") for doctor in DOCTORS)]
    files["departments"].write_bytes(_csv(departments).encode("utf-8-sig"))
    files["doctors"].write_bytes(_csv(doctors).encode("utf-8-sig"))
    return files


@dataclass(frozen=True)
class Expected:
    """What the page must show, as text with its separators."""

    value: str
    median: str
    peers: int
    rx: int
    total: str
    lines: int
    by_month: list[str]
    top: Line
    top_row: int


def expected() -> Expected:
    """From the lines alone: cost per prescription of the dear doctor and of the others, last month."""
    lines = make_lines()

    def cost(doctor: str, month: str) -> Decimal:
        mine = [line for line in lines if line.doctor == doctor and line.date.startswith(month)]
        return sum((line.amount for line in mine), Decimal(0)) / len({line.rx for line in mine})

    last = MONTHS[-1]
    mine = [line for line in lines if line.doctor == DEAR and line.date.startswith(last)]
    top = max(mine, key=lambda line: line.amount)
    return Expected(
        value=shown(cost(DEAR, last)),
        median=shown(median(cost(doctor, last) for doctor in DOCTORS if doctor != DEAR)),
        peers=len(DOCTORS) - 1,
        rx=len({line.rx for line in mine}),
        total=shown(sum((line.amount for line in mine), Decimal(0))),
        lines=len(mine),
        by_month=[shown(cost(DEAR, month)) for month in MONTHS],
        top=top,
        top_row=lines.index(top) + 2,  # the heading is row 1
    )


def shown(value: Decimal) -> str:
    """Two places, half up, thousands apart."""
    return f"{value.quantize(Decimal('0.01'), ROUND_HALF_UP):,}"


def _csv(rows: list) -> str:
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows(rows)
    return stream.getvalue()
