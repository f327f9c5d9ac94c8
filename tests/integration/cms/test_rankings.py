"""A ranking page shows what was frozen, refuses what was changed, and keeps what is internal inside."""

from typing import Any

import pytest
from django.test import Client
from wagtail.blocks import StructBlockValidationError

from core.audit.testing import thawed
from core.cms.blocks import ChartBlock
from core.cms.models import ColumnPage, RankingPage
from core.cms.tenancy.reach import Reach, reaching
from core.kernel.context import acting
from core.publications.domain import freeze
from core.publications.models import Snapshot
from core.testing.world import World
from tests.integration.cms.conftest import BY, add, article, get

pytestmark = pytest.mark.django_db

COLUMNS = [
    {"key": "rank", "label": "名次", "type": "number"},
    {"key": "name", "label": "药品", "type": "text"},
    {"key": "amount", "label": "金额", "type": "money"},
]


def frozen(world: World, audience: str = "public", name: str = "甲药", **more: Any) -> Snapshot:
    """A ranking of two rows."""
    rows = [{"rank": 1, "name": name, "amount": "1200.50"}, {"rank": 2, "name": "乙药", "amount": "800.00"}]
    return freeze(
        f"test.{audience}",
        "季度用药金额",
        columns=COLUMNS,
        rows=rows,
        method="按实收金额",
        period="2024Q1",
        n=100,
        audience=audience,
        data_class=1 if audience == "public" else 2,
        basis={"months": ["2024-01"]},
        by=BY,
        hospital=world.hospital(),
        **more,
    )


@pytest.fixture
def board(root: Any) -> ColumnPage:
    """The column for rankings."""
    return add(root, ColumnPage(title="公示", slug="board", kind="rankings", audience="public"))


def page_of(board: ColumnPage, snapshot: Snapshot, slug: str = "q1") -> RankingPage:
    """A page that an editor meant for everybody."""
    return add(board, RankingPage(title="第一季度", slug=slug, audience="public", snapshot=snapshot.uid))


def test_public_ranking_with_method_and_hash(world: World, board: ColumnPage, client: Client) -> None:
    snapshot = frozen(world)
    page_of(board, snapshot)
    shown = get(client, "/cms/page", path="board/q1").json()["ranking"]
    assert shown["verified"] and shown["sha256"] == snapshot.sha256 and shown["n"] == 100
    assert [row["name"] for row in shown["rows"]] == ["甲药", "乙药"]


def test_one_changed_letter_and_the_page_refuses(world: World, board: ColumnPage, client: Client) -> None:
    snapshot = frozen(world)
    page_of(board, snapshot)
    chart = {"snapshot": str(snapshot.uid), "title": "图", "label_column": "name", "value_column": "amount"}
    add(board.get_parent(), ColumnPage(title="文", slug="text", audience="public"))
    add(ColumnPage.objects.get(slug="text"), article("有图", slug="chart", body=[("chart", chart)]))
    drawn = get(client, "/cms/page", path="text/chart").json()["blocks"][0]
    assert drawn["x"] == ["甲药", "乙药"] and drawn["series"][0]["values"] == [1200.5, 800.0]
    with acting(BY), thawed():
        Snapshot.unscoped.filter(pk=snapshot.pk).update(rows=snapshot.rows.replace("甲药", "丙药"))
    page = get(client, "/cms/page", path="board/q1")
    assert page.json()["ranking"]["verified"] is False and page.json()["ranking"]["rows"] == []
    assert "校验" in page.json()["ranking"]["refused"] and "丙药" not in page.content.decode()
    drawn = get(client, "/cms/page", path="text/chart").json()["blocks"][0]
    assert drawn["refused"] and drawn["x"] == []


def test_an_editor_chooses_the_chart_by_name(world: World) -> None:
    snapshot, inside = frozen(world), frozen(world, "internal")
    here = Reach(hospitals=frozenset([world.hospital().pk]))
    there = Reach(hospitals=frozenset([world.hospital("yunling").pk]))
    block = ChartBlock()
    given = {"snapshot": str(snapshot.uid), "title": "图", "label_column": "", "value_column": ""}
    with reaching(here):
        offer = dict(block.child_blocks["snapshot"].field.choices)
        assert {str(snapshot.uid), str(inside.uid)} <= offer.keys()
        assert offer[str(snapshot.uid)] == "季度用药金额（2024Q1，第 1 版，公开）"
        kept = block.clean(block.to_python(given))
        assert (kept["label_column"], kept["value_column"]) == ("name", "amount")
        with pytest.raises(StructBlockValidationError) as refused:
            block.clean(block.to_python(given | {"value_column": "没有的列"}))
        assert "value_column" in refused.value.block_errors
    with reaching(there), pytest.raises(StructBlockValidationError) as refused:
        block.clean(block.to_python(given))
    assert "snapshot" in refused.value.block_errors


def test_correction_shows_both_versions(world: World, board: ColumnPage, client: Client) -> None:
    first = frozen(world)
    second = frozen(world, name="更正后的药", replaces=first, reason="漏计一天")
    page_of(board, second)
    shown = get(client, "/cms/page", path="board/q1").json()["ranking"]
    assert [one["version"] for one in shown["versions"]] == [1, 2] and shown["rows"][0][
        "name"
    ] == "更正后的药"
    older = shown["versions"][0]["href"]
    assert older == "/h/binjiang/c/board/q1?version=1"
    again = get(client, "/cms/page", path="board/q1", version="1").json()["ranking"]
    assert again["rows"][0]["name"] == "甲药" and again["version"] == 1


def test_internal_ranking_makes_its_page_internal(
    world: World, board: ColumnPage, client: Client, signed_in: Any
) -> None:
    page_of(board, frozen(world, "internal", name="只给院内看"))
    assert get(client, "/cms/page", path="board/q1").status_code == 404
    assert get(client, "/cms/pages").json()["pages"] == []
    assert "只给院内看" in get(signed_in("staff"), "/cms/page", path="board/q1").content.decode()
