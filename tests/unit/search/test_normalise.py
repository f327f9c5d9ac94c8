"""Normalisation: any piece of text is a phrase of adjacent grams, exactly where it stands."""

from hypothesis import given
from hypothesis import strategies as st

from search import highlight, normalise
from search.evaluation import measure

CHARS = st.text(alphabet="甲乙丙丁 ,。ab1", max_size=12)


def holds(grams: list[str], wanted: list[str], prefix: bool) -> bool:
    """Whether the wanted grams stand side by side: what every engine does with a phrase."""

    def same(have: str, want: str, last: bool) -> bool:
        return have.startswith(want) if last and prefix else have == want

    n = len(wanted)
    return any(
        all(same(grams[i + k], wanted[k], k == n - 1) for k in range(n)) for i in range(len(grams) - n + 1)
    )


@given(CHARS, st.text(alphabet="甲乙丙丁", min_size=1, max_size=4))
def test_a_run_of_chinese_is_found_exactly_where_it_stands(text: str, wanted: str) -> None:
    phrase, prefix = normalise.phrase(wanted)
    assert holds(normalise.grams(normalise.fold(text)), phrase, prefix) == (wanted in text)


@given(st.text(max_size=60))
def test_folding_with_places_names_the_characters_it_came_from(text: str) -> None:
    folded, places = normalise.fold_with_places(text)
    assert len(folded) == len(places)
    assert places == sorted(places) and all(0 <= place < len(text) for place in places)


@given(st.text(max_size=80), st.text(min_size=1, max_size=4))
def test_marked_text_is_the_text_escaped_and_nothing_else(text: str, needle: str) -> None:
    from html import unescape

    for whole in (True, False):
        shown = highlight.title(text, [normalise.fold(needle)], whole_words=whole)
        bare = shown.replace("<mark>", "").replace("</mark>", "")
        assert "<" not in bare and unescape(bare) == normalise.plain(text)


def test_the_snippet_holds_what_was_found_far_inside() -> None:
    text = "无关的话。" * 100 + "这里提到了张伟明同志。" + "无关的话。" * 100
    shown = highlight.snippet(text, ["张伟明"], whole_words=False)
    assert "<mark>张伟明</mark>" in shown and shown.startswith("…") and shown.endswith("…")
    assert len(shown) < 2 * highlight.LENGTH


def test_traditional_and_full_width_writing_is_one_with_simplified() -> None:
    assert normalise.fold("ＤＲＧ　腫瘤科") == "drg 肿瘤科"
    assert normalise.pinyin("张伟明") == ["zhangweiming", "zwm"]


def test_measures_by_hand() -> None:
    task = measure.Task({"q": "x"}, {"q": {"a": 3, "b": 2, "c": 1}})
    found = measure.figures(task, {"q": ["z", "b", "a"]})
    gained = 2 / 1.5849625 + 3 / 2
    best = 3 + 2 / 1.5849625 + 1 / 2
    assert found == {"mrr@10": 0.5, "ndcg@10": round(gained / best, 4), "recall@100": 1.0}
