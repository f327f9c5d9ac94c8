"""The reviewed defaults, against figures copied by hand from the study of the rules; and files that must be refused."""

import textwrap
from datetime import date
from pathlib import Path

import pytest

from core.regulations.declare import BadRules, Default, defaults

#: code → parameter → value, as the study of the rules has them.
FIGURES = {
    "branch.form": {"members_min": 3, "members_usual_max": 50, "joint_units_max": 5, "project_months_min": 6},
    "branch.committee": {"members_min": 7, "size_min": 3, "size_usual_max": 5, "size_max": 7},
    "branch.term": {"years": 3},
    "branch.committee_meeting": {"times": 1, "months": 1},
    "education.hours": {"hours": 32},
    "education.hours_secretary": {"hours": 56, "courses": 1, "new_secretary_months": 6},
    "education.leaving": {"months": 6},
    "development.talk": {"months": 1},
    "development.object_earliest": {"months": 12},
    "development.object_publicity": {"working_days": 5},
    "development.training": {"days": 3, "hours": 24},
    "development.approval": {"months": 3, "months_special": 6},
    "dues.wages": {"tiers": [["3000", "0.5"], ["5000", "1"], ["10000", "1.5"], ["", "2"]]},
    "dues.retired": {"tiers": [["5000", "0.5"], ["", "1"]]},
    "dues.no_wages": {"amount": "0.20"},
    "appraisal.excellent_share": {"usual_max": "0.20", "raised_max": "0.25", "lowered_max": "0.15"},
    "appraisal.publicity": {"working_days": 5},
    "ethics.grades": {"excellent_usual": "0.10", "excellent_max": "0.15"},
    "ethics.gifts": {"working_days": 2},
    "integrity.hand_up": {"working_days": 5},
    "integrity.real_name": {"told_working_days": 15, "result_working_days": 15},
    "integrity.talk_close": {"days": 30},
    "data.logs": {"months": 6},
}
#: Marks that must not be made better than they were: nothing second-hand may ship as "the law says".
MARKS = {
    "branch.committee_meeting": "read",
    "branch.general_meeting": "second_hand",
    "branch.election_quorum": "from_memory",
    "branch.term_delay": "from_memory",
    "education.hours": "read",
    "education.hours_secretary": "second_hand",
    "development.object_publicity": "second_hand",
    "dues.wages": "second_hand",
    "appraisal.excellent_share": "read",
    "appraisal.cadre_share": "from_memory",
    "integrity.four_forms": "from_memory",
    "integrity.hand_up": "read",
}


def by_code() -> dict[str, Default]:
    return {one.code: one for one in sorted(defaults()[0], key=lambda d: d.starts_on)}


def test_the_figures_are_those_of_the_study() -> None:
    found = by_code()
    assert {
        code: {key: found[code].values[key] for key in wanted} for code, wanted in FIGURES.items()
    } == FIGURES
    assert len(found) > 100


def test_the_marks_are_those_of_the_study() -> None:
    found = by_code()
    assert {code: found[code].mark for code in MARKS} == MARKS


def test_every_default_names_its_source_and_every_read_one_its_article() -> None:
    for one in defaults()[0]:
        assert one.source, one.code
        if one.mark == "read":
            assert one.regulation and one.article, one.code
        if one.mark == "suggested":
            assert "没有规定依据" in one.source, one.code


@pytest.mark.parametrize(
    ("code", "key"),
    [
        ("development.object_publicity", "working_days"),
        ("appraisal.publicity", "working_days"),
        ("publicity.period", "working_days"),
        ("development.object_earliest", "months"),
        ("education.hours", "hours"),
    ],
)
def test_national_nodes_have_a_floor_at_their_own_value(code: str, key: str) -> None:
    param = by_code()[code].params[key]
    assert param.min == param.value


def test_a_regulation_that_was_amended_has_a_version_for_each_time() -> None:
    logs = sorted((d for d in defaults()[0] if d.code == "data.logs"), key=lambda d: d.starts_on)
    assert [(d.article, d.ends_on) for d in logs] == [
        ("第二十一条", date(2025, 12, 31)),
        ("第二十三条", None),
    ]


GOOD = """
subject: x
label: 某
rules:
  - {code: x.a, title: 某, mark: read, source: [S], params: {n: {label: 数, value: 5, min: 5}}}
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("value: 5", "value: 4"),  # below its own floor
        ("mark: read", "mark: certain"),
        ("source: [S]", "source: [T]"),  # a source nobody wrote down
        ("params: {n: {label: 数, value: 5, min: 5}}", "params: {}"),
        ("code: x.a", "code: X A"),
        ("label: 数", "labels: 数"),
        ("value: 5", "value: 五"),  # a floor without a number
        ("rules:", "rules: ["),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, old: str, new: str) -> None:
    (tmp_path / "sources.yaml").write_text("DATES: 2018-10-28\nS: 某处\n", encoding="utf-8")
    path = tmp_path / "x.yaml"
    path.write_text(textwrap.dedent(GOOD), encoding="utf-8")
    defaults.cache_clear()
    assert len(defaults(tmp_path)[0]) == 1
    path.write_text(textwrap.dedent(GOOD).replace(old, new), encoding="utf-8")
    defaults.cache_clear()
    with pytest.raises(BadRules, match=r"x\.yaml"):
        defaults(tmp_path)
    defaults.cache_clear()
