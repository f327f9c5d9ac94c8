"""Home numbers and cards, and how many queries the pages take."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.integration.warning.test_rights import HEAD, HEART, LIST, ask

RULES = ("D1_RX_GT5", "D3_AB_LEVEL", "D4_SEX_LIMIT", "E1_PRICE_GAP", "E4_REP_UNREGISTERED", "E6_TONGFANG")


@pytest.fixture
def filled(small):
    """Six warnings of four levels."""
    small.run(*RULES)
    return small


def test_home_counts_what_waits_for_whom(filled):
    assert todo(filled, HEAD, HEART)["n"] == 0 == todo(filled, "inspector")["n"]
    warnings = [ask(filled, rule, HEART) for rule in ("D1_RX_GT5", "D4_SEX_LIMIT")]
    mine = todo(filled, HEAD, HEART)
    assert (mine["n"], mine["sentence"]) == (2, "今天有 2 件事等您")
    assert {i["href"] for i in mine["items"]} == {f"/h/binjiang/r/warning.warning/{w.uid}" for w in warnings}
    assert all(i["due"]["basis"] and i["due"]["days_left"] >= 5 for i in mine["items"])
    assert todo(filled, HEAD, "骨科")["n"] == 0 == todo(filled, "inspector")["n"]
    file = filled.upload(HEAD, "a.pdf", b"%PDF", HEART)
    answered = filled.do(HEAD, "answer", warnings[0], {"note": "说明", "files": [file]}, HEART, files=[file])
    assert answered.status_code == 200, answered.content
    assert todo(filled, HEAD, HEART)["n"] == 1 == todo(filled, "inspector")["n"]
    assert todo(filled, "pharmacy")["n"] == 0
    assert filled.do("inspector", "close", warnings[0], {"outcome": "useful", "note": "x"}).status_code == 200
    assert todo(filled, "inspector")["n"] == 0


def test_home_cards_count_open_warnings_by_level(filled):
    cards = filled.get("inspector", "/home").json()["cards"]
    figures, newest = cards
    assert sum(int(i["value"]) for i in figures["items"]) == 6
    assert [i["level"] for i in figures["items"]] == ["red", "orange", "yellow", "blue"]
    ranks = ["blue", "yellow", "orange", "red"]
    levels = [ranks.index(i["level"]) for i in newest["items"]]
    assert len(levels) == 5 and levels == sorted(levels, reverse=True)
    warning = filled.only("D1_RX_GT5")
    filled.do("inspector", "close", warning, {"outcome": "useful", "note": "x"})
    figures, _ = filled.get("inspector", "/home").json()["cards"]
    assert sum(int(i["value"]) for i in figures["items"]) == 5
    assert filled.get("doctor", "/home").json()["cards"] == []


def test_list_filters_and_order(filled):
    rows = filled.get("inspector", LIST).json()["rows"]
    assert [r["values"]["level_rank"] for r in rows] == sorted(
        (r["values"]["level_rank"] for r in rows), reverse=True
    )
    only = filled.get("inspector", LIST, where='{"op":"eq","args":[{"field":"rule_class"},{"value":"E"}]}')
    assert {r["values"]["rule_code"] for r in only.json()["rows"]} == set(RULES[3:])
    found = filled.get("inspector", LIST, q="RX-D1").json()["rows"]
    assert [r["values"]["rule_code"] for r in found] == ["D1_RX_GT5"]
    ask(filled, "D1_RX_GT5", HEART)
    waiting = filled.get(
        "inspector", LIST, where='{"op":"eq","args":[{"field":"state"},{"value":"waiting"}]}'
    )
    assert [r["values"]["rule_code"] for r in waiting.json()["rows"]] == ["D1_RX_GT5"]


@pytest.mark.parametrize(("page", "limit"), [("list", 8), ("detail", 14), ("lines", 17), ("home", 14)])
def test_queries_do_not_grow(filled, page, limit):
    warning = ask(filled, "D1_RX_GT5", HEART)
    path = {
        "list": LIST,
        "detail": f"{LIST}/{warning.uid}",
        "lines": f"/p/warning/warnings/{warning.uid}/lines",
        "home": "/home",
    }[page]
    filled.get("inspector", path)
    with CaptureQueriesContext(connection) as seen:
        assert filled.get("inspector", path).status_code == 200
    asked = [q["sql"] for q in seen.captured_queries if not q["sql"].startswith(("SAVEPOINT", "RELEASE"))]
    assert len(asked) <= limit, "\n".join(sql[:160] for sql in asked)


def todo(house, role, department=""):
    return house.get(role, "/home", department).json()["todo"]
