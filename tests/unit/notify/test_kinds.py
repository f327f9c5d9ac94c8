"""Kinds are refused at start when a slot could carry class 3 or 4; texts stay plain and short."""

from dataclasses import replace

import pytest

from core.notify import kinds
from core.notify.kinds import BadKind, NoticeKind, check_sources, register_kind, render

PLAIN = NoticeKind(key="test.unit", label="试验", template="请看{what}。", slots={"what": 2})


@pytest.mark.parametrize("data_class", [0, 3, 4])
def test_a_slot_above_class_2_is_refused(data_class: int) -> None:
    with pytest.raises(BadKind, match="class 1 and 2 only"):
        register_kind(replace(PLAIN, slots={"what": data_class}))
    assert kinds.kind_of("test.unit") is None


@pytest.mark.parametrize(
    "change",
    [
        {"template": "请看{who}。"},
        {"template": "请看{what.name}。"},
        {"template": "请看{what!r}。"},
        {"template": "请看{what:>9}。"},
        {"template": "请看{}。"},
        {"template": "请看{what。"},
        {"title": "{nobody}"},
        {"channels": ("wecom",)},
        {"channels": ("inbox", "pigeon")},
        {"off": frozenset({"inbox"})},
        {"slots": {"what": "no field"}},
    ],
)
def test_a_kind_that_cannot_work_is_refused(change: dict) -> None:
    with pytest.raises(BadKind):
        register_kind(replace(PLAIN, **change))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("warning.warning:person", "class 3"),
        ("warning.warning:nothing", "no field"),
        ("nowhere.at_all:x", "no field"),
    ],
)
def test_the_class_of_a_named_field_is_read_from_its_declaration(source: str, words: str) -> None:
    with pytest.raises(BadKind, match=words):
        check_sources([replace(PLAIN, slots={"what": source})])


def test_a_named_field_of_class_2_is_taken() -> None:
    check_sources([replace(PLAIN, slots={"what": "warning.warning:title"})])


def test_every_kind_of_the_product_is_sound_and_in_plain_chinese() -> None:
    found = kinds.all_kinds()
    assert len(found) >= 15
    check_sources()
    for kind in found:
        assert kind.label and not set("!！") & set(kind.label + kind.title + kind.template), kind.key
        assert kind.template.endswith("。"), kind.key
        assert "inbox" in kind.channels, kind.key


def test_a_slot_is_one_short_line_of_plain_text() -> None:
    title, text = render(PLAIN, {"what": "第一行\r\nBcc: x@y.z\n\t<a href='x'>点</a>\u202e" + "长" * 500})
    assert title == "试验"
    assert "\n" not in text and "\r" not in text and "<" not in text and "\u202e" not in text
    assert len(text) <= 65 and text.endswith("…。")


@pytest.mark.parametrize("slots", [{}, {"what": 1, "who": 2}])
def test_missing_or_unknown_slots_are_our_own_fault(slots: dict) -> None:
    with pytest.raises(ValueError, match="slots"):
        render(PLAIN, slots)
