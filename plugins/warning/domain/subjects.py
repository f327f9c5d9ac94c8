"""How subjects are named: source codes for keys, labels for people, the department that answers."""

from dataclasses import dataclass, field
from typing import Any

import ibis

from core.plugin_api import Department, Hospital, Post, lake
from plugins.warning.domain.results import RunOutput

VISITS = {"O": "门诊", "E": "急诊", "I": "住院"}

#: Columns of a subject that hold integers of the code table.
CODED = {"doctor": "doctor", "item": "item", "patient": "patient"}


@dataclass
class Labels:
    """Names for everything a run found, read in a handful of queries."""

    hospital: Hospital
    codes: dict[str, dict[Any, str]] = field(default_factory=dict)
    items: dict[Any, str] = field(default_factory=dict)
    doctor_department: dict[Any, str] = field(default_factory=dict)
    rx_department: dict[str, str] = field(default_factory=dict)
    departments: dict[str, Department] = field(default_factory=dict)
    persons: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, hospital: Hospital, output: RunOutput, tables: dict[str, ibis.Table]) -> "Labels":
        """Collect the labels of a run's subjects."""
        subjects = [found.subject for found in output.findings]
        subjects += [gap.subject for gap in output.not_evaluated if gap.subject]
        for found in output.findings:
            subjects += (
                [peer["subject"] for peer in found.peers.values if isinstance(peer.get("subject"), dict)]
                if found.peers
                else []
            )
        made = cls(hospital)
        for column, kind in CODED.items():
            numbers = {s[column] for s in subjects if s.get(column) is not None}
            made.codes[column] = lake.labels(hospital, kind, numbers) if numbers else {}
        made.items = _items(tables, {s["item"] for s in subjects if s.get("item") is not None})
        made.doctor_department = pairs(tables.get("doctors"), "doctor", "department")
        made.rx_department = _rx(tables, {s["rx"] for s in subjects if s.get("rx")})
        made.departments = {d.code: d for d in Department.unscoped.filter(hospital=hospital)}
        codes = set(made.codes["doctor"].values())
        posts = Post.unscoped.filter(hospital=hospital, source_code__in=codes).select_related("person")
        made.persons = {post.source_code: post.person.name for post in posts}
        return made

    def key(self, subject: dict[str, Any]) -> str:
        """The stable key of a subject: source codes, columns in fixed order ("doctor=DR0026|item=D0305")."""
        return "|".join(f"{column}={self.code(column, value)}" for column, value in sorted(subject.items()))

    def source_codes(self, subject: dict[str, Any]) -> dict[str, str]:
        """The subject with source codes instead of internal numbers."""
        return {column: self.code(column, value) for column, value in sorted(subject.items())}

    def code(self, column: str, value: Any) -> str:
        """A value as the hospital's own systems write it."""
        return str(self.codes.get(column, {}).get(value, value))

    def label(self, subject: dict[str, Any], with_department: bool = True) -> str:
        """The subject in words, without a person's name: "骨科 · 医师 DR0189"."""
        said = []
        if with_department and "doctor" in subject and "department" not in subject:
            department = self.department(subject)
            said += [department.name] if department else []
        for column in sorted(subject, key=_place):
            value, code = subject[column], self.code(column, subject[column])
            match column:
                case "department":
                    known = self.departments.get(code)
                    said.append(known.name if known else code)
                case "doctor":
                    said.append(f"医师 {code}")
                case "item":
                    said.append(self.items.get(value) or code)
                case "rx":
                    said.append(f"处方 {code}")
                case "user":
                    said.append(f"账号 {code}")
                case "rep":
                    said.append(f"医药代表 {code}")
                case "supplier":
                    said.append(f"供应商 {code}")
                case "visit_type":
                    said.append(VISITS.get(code, code))
                case "drug_class":  # follows from the item
                    pass
                case _:
                    said.append(code)
        return " · ".join(said) or self.hospital.short_name or self.hospital.name

    def person(self, subject: dict[str, Any]) -> str:
        """The name of the doctor that the subject is about, where a post carries the code; class 3."""
        return self.persons.get(self.code("doctor", subject["doctor"]), "") if "doctor" in subject else ""

    def department(self, subject: dict[str, Any]) -> Department | None:
        """The department that would answer, or None."""
        code = subject.get("department")
        if code is None and "doctor" in subject:
            code = self.doctor_department.get(subject["doctor"])
        if code is None and "rx" in subject:
            code = self.rx_department.get(subject["rx"])
        return self.departments.get(str(code)) if code is not None else None


def _place(column: str) -> int:
    order = ["department", "doctor", "supplier", "rep", "item", "rx", "patient", "user"]
    return order.index(column) if column in order else len(order)


def pairs(table: ibis.Table | None, key: str, value: str) -> dict[Any, str]:
    if table is None or not {key, value} <= set(table.columns):
        return {}
    frame = table.select(key, value).distinct().order_by(key).to_pyarrow()
    return dict(zip(frame[key].to_pylist(), frame[value].to_pylist(), strict=True))


def _items(tables: dict[str, ibis.Table], wanted: set[Any]) -> dict[Any, str]:
    table = tables.get("items")
    if table is None or not wanted or "name" not in table.columns:
        return {}
    return {
        k: v for k, v in pairs(table.filter(table["item"].isin(sorted(wanted))), "item", "name").items() if v
    }


def _rx(tables: dict[str, ibis.Table], wanted: set[str]) -> dict[str, str]:
    table = tables.get("prescription_lines")
    if table is None or not wanted:
        return {}
    return pairs(table.filter(table["rx"].isin(sorted(wanted))), "rx", "department")
