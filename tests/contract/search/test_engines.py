"""What every search engine must do: the same tests for the embedded one and for Elasticsearch."""

import random
from collections.abc import Callable
from datetime import date

import pytest

from core.policy.principal import PostRight, Principal
from core.policy.table import TableRow
from core.policy.tokens import Everything, Nothing, holds, token_filter
from core.testing.probe import policy_rows
from search.engines.base import Engine, Found
from search.evaluation import names
from tests.contract.search.conftest import KIND, OTHER, document, uids

Put, Find = Callable[..., None], Callable[..., Found]


def test_names_and_organisations_are_found_where_they_stand_and_nowhere_else(put: Put, find: Find) -> None:
    texts = names.texts()
    put(*(document(uid, "", text) for uid, text in texts.items()))
    for name in names.queries():
        found = find(name, limit=500)
        assert set(uids(found)) == {uid for uid, text in texts.items() if name in text}, name
        assert found.total == len(found.hits)


@pytest.mark.parametrize(
    ("text", "query", "wanted"),
    [
        ("维生素B12缺乏的处理", "维生素B12", True),
        ("维生素B12缺乏的处理", "素b12缺", True),
        ("维生素B12缺乏的处理", "缺", True),
        ("维生素B12缺乏的处理", "理", True),
        ("王小，明天到", "王小明", False),
        ("王小 明天到", "王小明", False),
        ("來訪登記與採購", "来访登记", True),
        ("来访登记", "來訪登記", True),
        ("ＤＲＧ付费", "drg", True),
        ("party", "art", False),
        ("合同 B-2024-0012", "B-2024-0012", True),
        ("合同 B-2024-0012", "2024-0013", False),
        ("骨科耗材采购", "耗材 骨科", True),
        ("骨科耗材采购", "耗材 眼科", False),
        ("𠮷野家与𪚥字", "𪚥字", True),
    ],
)
def test_a_term_is_there_or_not(put: Put, find: Find, text: str, query: str, wanted: bool) -> None:
    put(document("a", "", text))
    assert (uids(find(query)) == ["a"]) is wanted


def test_no_phrase_spans_two_parts_of_a_document(put: Put, find: Find) -> None:
    put(document("a", "标题甲", "正文", names=("ab",), codes=("cd",), hint="骨"))
    assert not find("甲正").hits
    assert not find("ab-cd").hits


def test_pinyin_finds_names_and_titles_but_never_text(put: Put, find: Find) -> None:
    put(document("a", "抗菌药物管理", "骨科的说明", names=("张伟明",)))
    for typed in ("zhangweiming", "zwm", "kangjunyaowuguanli"):
        assert uids(find(typed)) == ["a"], typed
    assert not find("guke").hits
    assert not find("zhangwei").hits
    assert uids(find("zhangwei", only_titles=True)) == ["a"]


def test_any_mode_ranks_and_counts_repeated_words(put: Put, find: Find) -> None:
    put(document("a", "", "设备采购说明"), document("b", "", "药品招标说明"), document("c", "", "食堂菜单"))
    assert uids(find("采购采购采购招标", any_=True)) == ["a", "b"]
    assert uids(find("采购招标招标招标", any_=True)) == ["b", "a"]


def test_a_title_weighs_more_than_text(put: Put, find: Find) -> None:
    put(document("a", "说明", "内容里提到采购一次"), document("b", "采购", "内容里提到说明一次"))
    assert uids(find("采购"))[0] == "b"


def test_another_hospital_is_in_no_hit_and_no_count(put: Put, find: Find) -> None:
    put(
        document("a", "回扣线索", department="骨科"),
        document("z", "回扣线索", hospital_id=2, department="他院科", state_label="他院状态"),
    )
    found = find("回扣")
    assert uids(found) == ["a"] and found.total == found.wide == 1
    assert set(found.departments) == {"骨科"} and not found.states
    assert find("回扣", allowed={}).total == 0
    assert find("回扣", allowed={KIND: Nothing()}).total == 0


def test_a_type_that_is_not_allowed_is_in_no_hit_and_no_count(put: Put, find: Find) -> None:
    put(document("a", "线索"), document("b", "线索", type=OTHER, department="骨科"))
    found = find("线索", allowed={KIND: Everything()})
    assert uids(found) == ["a"] and dict(found.types) == {KIND: 1} and not found.departments


def test_policy_says_the_same_in_the_engine_as_of_a_list_of_tokens(put: Put, find: Find) -> None:
    dice = random.Random(3)
    attrs = [
        {
            "department": dice.choice([None, 1, 2, 3]),
            "campus": dice.choice([None, 1, 2]),
            "person": dice.choice([None, 11, 12]),
            "state": dice.choice(["open", "waiting", "closed"]),
        }
        for _ in range(40)
    ]
    things = [
        document(f"t{n}", "线索", attrs=carried, class_from=low, class_to=high)
        for n, carried in enumerate(attrs)
        for low, high in ((1, 2), (3, 4))
    ]
    put(*things)
    for _ in range(40):
        rows = [
            TableRow(
                dice.choice(["inspector", "*"]),
                KIND,
                "view",
                dice.choice(["hospital", "department", "campus", "own"]),
                frozenset(dice.sample(["open", "waiting", "closed"], dice.randint(0, 2))),
                dice.randint(1, 4),
                dice.choice(["allow", "mask"]),
                "",
                "probe",
                1,
            )
            for _ in range(dice.randint(1, 4))
        ]
        post = PostRight(
            "inspector", department_ids=frozenset(dice.sample([1, 2, 3], 2)), campus_ids=frozenset([1])
        )
        who = Principal(1, "u", 11, 1, "某人", (post,))
        with policy_rows(rows):
            asked = token_filter(who, "view", KIND)
        wanted = {one.key for one in things if holds(asked, one.tokens, one.class_from, one.class_to)}
        found = find("线索", allowed={KIND: asked})
        assert {hit.key for hit in found.hits} == wanted and found.total == len(wanted)
        assert len(set(uids(found))) == len(wanted)  # of a thing's two documents at most one


def test_counts_leave_out_their_own_choice(put: Put, find: Find) -> None:
    put(
        document("a", "线索", department="骨科", state_label="待核实", date=date(2026, 1, 1)),
        document("b", "线索", department="眼科", state_label="待核实", date=date(2026, 2, 1)),
        document("c", "线索", department="眼科", state_label="已结案", date=date(2026, 3, 1)),
        document("d", "线索", type=OTHER, department="骨科"),
    )
    found = find("线索", department="眼科", state="待核实")
    assert uids(found) == ["b"] and (found.total, found.wide) == (1, 4)
    assert dict(found.departments) == {"骨科": 1, "眼科": 1}
    assert dict(found.states) == {"待核实": 1, "已结案": 1}
    assert dict(found.types) == {KIND: 1}
    assert set(uids(find("线索", since="2026-02-01"))) == {"b", "c"}
    assert uids(find("线索", since="2026-01-15", until="2026-02-15")) == ["b"]
    assert uids(find("线索", type=OTHER)) == ["d"]


def test_pages_are_parts_of_one_order(put: Put, find: Find) -> None:
    put(*(document(f"n{n:02}", "同样的标题") for n in range(25)))
    whole = uids(find("标题"))
    pages = [uid for start in (0, 10, 20) for uid in uids(find("标题", offset=start, limit=10))]
    assert pages == whole and len(set(whole)) == 25


def test_what_is_replaced_is_gone_and_an_older_write_changes_nothing(
    engine: Engine, put: Put, find: Find
) -> None:
    put(document("a", "旧的标题"), document("b", "旧的标题"), seq=100)
    put(document("a", "新的标题"), seq=200)
    put(document("a", "旧的标题"), seq=150)
    assert uids(find("旧的")) == ["b"] and uids(find("新的")) == ["a"]
    engine.replace(KIND, 1, ["b"], [], 300)
    assert not find("旧的").hits
    assert engine.uids(KIND, 1) == ["a"] and set(engine.stamps(KIND, 1)) == {f"{KIND}:a:1"}
    assert engine.stamps(KIND, 1, ["b"]) == {}


def test_types_that_are_gone_are_dropped_and_everything_can_be(engine: Engine, put: Put, find: Find) -> None:
    put(document("a", "线索"), document("b", "线索", type=OTHER), document("z", "线索", hospital_id=2))
    assert engine.count(1) == {KIND: 1, OTHER: 1}
    engine.drop_types(1, [KIND])
    assert engine.count(1) == {KIND: 1} and engine.count(2) == {KIND: 1}
    engine.clear()
    assert not find("线索").hits and engine.count(2) == {}


BAD = [
    '"', "''", "(((", "a AND", "NOT", "NEAR(a b)", "title:x", "*", "a*", "-a", "^", "\\", "{}", "[x TO y]",
    "😀🎉", "😀采购", "a\x00b", "\ud800", "%", "_", "';DROP TABLE doc;--", "长" * 1600, "a" * 1600, "采 " * 800,
    "\u202e采购", "~2", "/x/", "+a -b", "&&||!", "\ufffe", "１２３", "é́́́́", "\n\t",
]  # fmt: skip


@pytest.mark.parametrize("any_", [False, True])
def test_whatever_is_typed_is_a_question_and_never_an_operator(put: Put, find: Find, any_: bool) -> None:
    put(document("a", "采购说明"), document("b", "a b 说明"))
    for typed in BAD:
        found = find(typed, any_=any_)
        assert set(uids(found)) <= {"a", "b"}
    assert uids(find("说明 NOT a")) == []
