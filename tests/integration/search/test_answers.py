"""What the answer looks like, and what becomes of bad input and of an engine that fails."""

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from core.jobs.testing import run_pending
from core.kernel.context import acting
from core.resources.searchable import touch
from search import engines, index, notes, query
from tests.integration.search.conftest import BY, KIND, World


def test_whole_terms_are_marked_and_everything_else_is_escaped(world: World) -> None:
    world.put(
        "a",
        "<b>王小明</b>与王小",
        body="A&B <script>王小明说</script> " + "无关的话。" * 60,
        attrs={"state": "open"},
    )
    (hit,) = world.ask("inspector", "王小明")["hits"]
    assert hit["title_html"] == "&lt;b&gt;<mark>王小明</mark>&lt;/b&gt;与王小"
    assert hit["snippet_html"].startswith("A&amp;B &lt;script&gt;<mark>王小明</mark>说&lt;/script&gt;")
    assert set(re.findall(r"<[^>]*>", hit["title_html"] + hit["snippet_html"])) == {"<mark>", "</mark>"}


def test_a_scarce_or_long_question_falls_back_to_any_word_and_says_so(world: World) -> None:
    world.put("a", "骨科耗材采购说明", attrs={"state": "open"})
    exact = world.ask("inspector", "耗材采购")
    assert (exact["mode"], exact["mode_note"]) == ("all", "")
    scarce = world.ask("inspector", "采购耗材的价格")
    assert scarce["mode"] == "any" and "没有找到完全符合" in scarce["mode_note"]
    assert [hit["uid"] for hit in scarce["hits"]] == ["a"]
    assert "<mark>耗材</mark>" in scarce["hits"][0]["title_html"]
    assert "检索词较长" in world.ask("inspector", "耗材采购" * 40)["mode_note"]


def test_groups_facets_dates_and_pages(world: World) -> None:
    for n in range(25):
        world.put(f"n{n}", f"线索{n}", department="骨科" if n % 5 else "眼科", attrs={"state": "open"})
    answer = world.ask("inspector", "线索")
    assert answer["total"] == {"value": 25, "capped": False} and answer["next"] == 2
    assert answer["groups"] == [{"type": KIND, "label": "便笺", "count": 25}]
    counts = {v["value"]: v["count"] for v in answer["facets"][0]["values"]}
    assert counts == {"骨科": 20, "眼科": 5}
    last = world.ask("inspector", "线索", page=2)
    assert len(last["hits"]) == 5 and last["next"] is None
    assert world.ask("inspector", "线索", department="眼科")["total"]["value"] == 5
    assert world.ask("inspector", "线索", **{"from": "2026-01-01"})["total"]["value"] == 0


def test_people_and_departments_are_found_by_name_and_pinyin(world: World) -> None:
    name = world.posts["head"].person.name
    assert name in world.titles("inspector", name)
    assert "骨科" in world.titles("inspector", "guke")
    assert {"label": "骨科", "type_label": "科室"}.items() <= world.ask("inspector", "骨", "search/suggest")[
        "items"
    ][0].items()
    assert world.titles("leader", name) == []


@pytest.mark.parametrize(
    "q",
    [
        "",
        " ",
        '"',
        "(((",
        "a AND OR",
        "😀",
        "采购😀",
        "长" * 10_000,
        "a " * 5000,
        "a\x00b",
        "%ED%A0%80",
        "NEAR(x,y)",
        "*",
    ],
)
def test_bad_words_get_a_clear_answer(world: World, q: str) -> None:
    world.put("a", "采购说明", attrs={"state": "open"})
    for path in ("search", "search/suggest"):
        world.ask("inspector", q, path)
    answer = world.ask("inspector", q)
    assert answer["hits"] or answer["total"]["value"] == 0
    if not q.strip(' "(*😀'):
        assert "请输入" in answer["mode_note"]


def test_half_characters_in_the_address_are_no_fault(world: World) -> None:
    path = f"/api/v1/h/{world.here.slug}/search"
    for raw in ("q=%ED%A0%80", "q=%FF%FE", "q=%00", "q=a&q=b", "type=%00&q=x", "department=%ED%A0%80&q=x"):
        assert world.clients["inspector"].get(f"{path}?{raw}").status_code == 200


@pytest.mark.parametrize(
    "bad",
    [{"page": 0}, {"page": 51}, {"page": "x"}, {"limit": 101}, {"from": "gestern"}, {"to": "2026-13-01"}],
)
def test_bad_choices_are_named(world: World, bad: dict[str, Any]) -> None:
    answer = world.clients["inspector"].get(f"/api/v1/h/{world.here.slug}/search", {"q": "x", **bad})
    assert answer.status_code in (400, 422), answer.content
    assert answer.json()["errors"][0]["pointer"]


def test_a_change_is_found_after_its_commit_and_a_removed_thing_no_more(world: World) -> None:
    world.put("a", "旧标题", attrs={"state": "open"})
    world.put("a", "新标题", attrs={"state": "open"})
    assert world.titles("inspector", "新标题") == ["新标题"]
    assert world.ask("inspector", "旧标题")["mode"] == "any"
    world.notes.clear()
    with acting(BY):
        touch(KIND, ["a"], hospital=world.here)
    run_pending()
    assert not world.ask("inspector", "标题")["hits"]


def test_the_comparison_repairs_what_search_was_not_told(world: World) -> None:
    world.put("a", "线索甲", attrs={"state": "open"})
    world.put("b", "线索乙", attrs={"state": "open"})
    (first, second) = list(world.notes)
    world.notes[first] = type(world.notes[first])(**{**vars(world.notes[first]), "title": "线索丙"})
    del world.notes[second]
    done = index.reconcile(world.here, engines.embedded())
    assert (done["repaired"], done["removed"]) == (1, 1)
    assert world.titles("inspector", "线索") == ["线索丙"]
    assert index.reconcile(world.here, engines.embedded())["repaired"] == 0


NONSENSE = [b"", b"{}", b"<html>", b'{"hits":{"total":{"value":-1},"hits":[]}}', b"[1,2]", b'{"hits": null}']


@pytest.mark.parametrize("said", NONSENSE)
def test_nonsense_is_not_believed_and_the_embedded_engine_answers(
    world: World, settings: Any, said: bytes
) -> None:
    world.put("a", "线索甲", attrs={"state": "open"})
    notes.set_ready("elasticsearch", world.here.id)
    with fake(said) as url:
        settings.SEARCH_URL = url
        assert_answered_by_embedded(world)


def test_documents_that_nobody_may_see_are_not_shown_whatever_the_server_says(
    world: World, settings: Any
) -> None:
    world.put("z", "线索金丝雀", world.there, attrs={"state": "open"})
    notes.set_ready("elasticsearch", world.here.id)
    row = {"key": f"{KIND}:z:1", "type": KIND, "uid": "z", "hospital": world.there.id}
    hits = {"total": {"value": 1}, "hits": [{"_source": row}]}
    said = json.dumps({"timed_out": False, "_shards": {"failed": 0}, "hits": hits})
    with fake(said.encode()) as url:
        settings.SEARCH_URL = url
        answer = world.ask("inspector", "线索")
    assert answer["engine"] == "embedded" and not answer["hits"] and answer["degraded"]


def test_a_slow_server_is_given_up_within_two_seconds_and_then_left_alone(
    world: World, settings: Any
) -> None:
    world.put("a", "线索甲", attrs={"state": "open"})
    notes.set_ready("elasticsearch", world.here.id)
    with fake(b"{}", wait=6) as url:
        settings.SEARCH_URL = url
        assert_answered_by_embedded(world)
        began = time.monotonic()
        assert_answered_by_embedded(world)
        assert time.monotonic() - began < 1.5


def test_a_server_that_is_down_misses_changes_and_is_not_asked_until_it_has_them(
    world: World, settings: Any
) -> None:
    settings.SEARCH_URL = "http://127.0.0.1:9"
    run_pending()  # the people and departments of the world, told when they were made
    before = notes.count_pending("elasticsearch", world.here.id)
    world.put("a", "线索甲", attrs={"state": "open"})
    assert notes.count_pending("elasticsearch", world.here.id) == before + 1
    notes.set_ready("elasticsearch", world.here.id)
    answer = world.ask("inspector", "线索")
    assert answer["degraded"] == query.BEHIND and answer["hits"]


def assert_answered_by_embedded(world: World) -> None:
    """The embedded engine's answer, with a sentence that says so."""
    answer = world.ask("inspector", "线索")
    assert (answer["engine"], answer["degraded"]) == ("embedded", query.DOWN)
    assert [hit["uid"] for hit in answer["hits"]] == ["a"]


@contextmanager
def fake(said: bytes, wait: float = 0) -> Iterator[str]:
    """A server that says this to everything, as Elasticsearch would head it, after a wait."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            time.sleep(wait)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("X-Elastic-Product", "Elasticsearch")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = _answer

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except OSError:
                pass  # the client has given up

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
