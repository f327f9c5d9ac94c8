"""Broken rule files are refused with their place and a reason in Chinese."""

import pytest

from plugins.warning.domain.rules import RuleError, load_rule, load_rules
from tests.unit.warning.helper import FOLDER, RULES, line, run

TEXT = (FOLDER / "C1_COST_PER_RX.yaml").read_text(encoding="utf-8")


def number(text: str, part: str) -> int:
    return next(i for i, row in enumerate(text.splitlines(), 1) if part in row)


@pytest.mark.parametrize(
    ("old", "new", "place", "reason"),
    [
        ("class: C", "class: Z", "class", "只能是"),
        ("class: C", "class: D", "class", "类别"),
        ("unit: 元", "unitt: 元", "unit", "缺少"),
        ("statistics:", "statistic:", "statistic", "没有这一项"),
        ("op: count_distinct", "op: exec", "frames.use.figures.rx_count", "只能是"),
        (
            "{op: div, args: [{field: amount}, {field: rx_count}]}",
            "{op: div, args: [{field: amount}]}",
            "value",
            "需要 2",
        ),
        ("{op: div, args: [{field: amount}, {field: rx_count}]}", "{sql: drop table x}", "value", ""),
        (
            "{op: div, args: [{field: amount}, {field: rx_count}]}",
            "{op: div, args: [{field: amount}, {field: nothing}]}",
            "value",
            "nothing",
        ),
        ("z: {param: z_limit}", "z: {param: other}", "parameters", "other"),
        ("level: orange", "level: purple", "bands.0.level", "只能是"),
        ("checker: 药事复核组", "checker: 规则编写组", "checker", "本人"),
        ("{peer_median}", "{peer_medium}", "bands.0.reason", "peer_medium"),
        ("需核实", "违规", "bands.0.reason", "违规"),
        ("code: C1_COST_PER_RX", "code: 次均费用", "code", "格式"),
        ("title:", "title: 甲\ntitle:", "title", "两次"),
        ("code: C1_COST_PER_RX", "code: [C1_COST_PER_RX", "", "YAML"),
        ("by: [department]", "by: [ward]", "statistics.0.by", "ward"),
    ],
)
def test_refused_with_place_and_reason(old, new, place, reason):
    assert old in TEXT
    broken = TEXT.replace(old, new, 1)
    with pytest.raises(RuleError) as refused:
        load_rule(broken, "坏规则.yaml")
    assert refused.value.place.startswith("坏规则.yaml 第 ")
    assert place in refused.value.place
    assert reason in refused.value.reason


def test_the_line_number_is_the_faults():
    broken = TEXT.replace("level: orange", "level: purple", 1)
    with pytest.raises(RuleError) as refused:
        load_rule(broken, "a.yaml")
    assert f"第 {number(broken, 'purple')} 行" in refused.value.place


def test_two_files_cannot_claim_one_code(tmp_path):
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(TEXT, encoding="utf-8")
    with pytest.raises(RuleError, match=r"已在 a\.yaml 中使用"):
        load_rules(tmp_path)


def test_a_rule_that_cannot_run_says_so_and_the_others_go_on():
    output = run(
        ["D1_RX_GT5", "D4_SEX_LIMIT"],
        {"prescription_lines": [line("a", "r", "2025-01-05")]},
        ["2025-01", "2025-02"],
    )
    reasons = {(n.rule, n.period): n.reason for n in output.not_evaluated}
    assert "缺少数据" in reasons["D4_SEX_LIMIT", None]
    assert "没有数据" in reasons["D1_RX_GT5", "2025-02"]


def test_parameters_out_of_bounds_are_not_silent():
    output = run(
        "D1_RX_GT5", {"prescription_lines": [line("a", "r", "2025-01-05")]}, ["2025-01"], {"most": 0}
    )
    assert [(n.kind, n.code) for n in output.not_evaluated] == [("error", "D1_RX_GT5.x.bad_value")]


def test_every_rule_names_owner_regulation_and_a_second_person():
    for rule in RULES.values():
        assert (
            rule.owner
            and rule.regulation
            and rule.author != rule.checker
            and rule.next_review > rule.effective_from
        )
