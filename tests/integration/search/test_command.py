"""`manage.py search`: what an operator types when the index is lost, and how the quality is measured."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from search.management.commands.search import Command


def said(*arguments: str) -> Any:
    """The JSON that the command prints."""
    out = io.StringIO()
    call_command(Command(stdout=out), *arguments, "--json")
    return json.loads(out.getvalue())


def status(world: Any) -> dict[str, Any]:
    """The line of the first hospital."""
    return next(row for row in said("status") if row["hospital"] == world.here.slug)


def test_a_lost_index_is_made_anew(world: Any) -> None:
    world.put("n1", "骨科耗材管理办法")
    world.put("n2", "眼科值班表")
    before = status(world)
    assert before["documents"]["probe.note"] == 2 and before["pending"] == 0 and before["compared_at"]

    call_command(Command(stdout=io.StringIO()), "drop")
    lost = status(world)
    assert not lost["documents"].get("probe.note") and lost["compared_at"] is None

    told = {row["hospital"]: row for row in said("rebuild")}
    assert told[world.here.slug]["engine"] == "embedded" and told[world.here.slug]["repaired"] >= 2
    assert status(world)["documents"] == before["documents"]
    assert world.titles("inspector", "耗材") == ["骨科耗材管理办法"]


def test_one_hospital_alone(world: Any) -> None:
    world.put("n1", "骨科耗材管理办法")
    world.put("n2", "望江耗材管理办法", at=world.there)
    call_command(Command(stdout=io.StringIO()), "drop")
    assert [row["hospital"] for row in said("rebuild", "--hospital", world.there.slug)] == [world.there.slug]
    assert not status(world)["documents"].get("probe.note")
    with pytest.raises(CommandError, match="没有"):
        said("rebuild", "--hospital", "nowhere")
    with pytest.raises(CommandError, match="QINGLIAN_SEARCH_URL"):
        said("rebuild", "--engine", "elasticsearch")


def test_the_measure_of_a_folder_whose_answers_are_known(tmp_path: Path) -> None:
    """Two questions: the right paper comes first; the other has no paper at all. So half of everything is right."""
    papers = {"p1": "骨科高值耗材入库验收", "p2": "门诊排班", "p3": "食堂采购公示", "p4": "党员学习计划"}
    lines = [
        json.dumps({"id": key, "title": text, "text": text}, ensure_ascii=False)
        for key, text in papers.items()
    ]
    (tmp_path / "corpus.jsonl").write_text("\n".join(lines), encoding="utf-8")
    asked = [{"id": "q1", "text": "高值耗材验收"}, {"id": "q2", "text": "学习计划"}]
    (tmp_path / "queries.jsonl").write_text(
        "\n".join(json.dumps(one, ensure_ascii=False) for one in asked), encoding="utf-8"
    )
    (tmp_path / "qrels.tsv").write_text("q1 0 p1 1\nq2 0 p2 1\n", encoding="utf-8")
    told = said("evaluate", str(tmp_path), "--engine", "embedded")
    assert told["queries"] == 2 and told["engine"] == "embedded"
    assert (told["mrr@10"], told["ndcg@10"], told["recall@100"]) == (0.5, 0.5, 0.5)
    assert told["names"] == {"recall": 1.0, "precision": 1.0}


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="评测资料"):
        said("evaluate", str(tmp_path / "nothing"), "--engine", "embedded")
