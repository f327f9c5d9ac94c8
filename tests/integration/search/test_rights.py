"""Who finds what: hits, totals, groups, facets and suggestions speak only of what the person may see."""

import json
from datetime import timedelta

from core.kernel import clock
from core.kernel.context import acting
from core.policy.models import PluginActivation
from core.resources import searchable
from core.resources.searchable import register_searchable
from search.models import SearchLog
from tests.integration.search.conftest import BY, KIND, World


def test_nothing_of_another_hospital_is_in_any_answer(world: World) -> None:
    world.put("a", "采购线索", attrs={"state": "open"})
    world.put("z", "采购线索金丝雀", world.there, department="金丝雀科", state="x", state_label="金丝雀态")
    for who in ("inspector", "leader", "head", "visitor"):
        for q in ("采购线索", "金丝雀", "采购线索有没有金丝雀科的内容"):
            answer = world.ask(who, q)
            for place in ("hits", "facets", "groups", "suggestions"):
                assert "金丝雀" not in json.dumps(answer[place], ensure_ascii=False)
            assert answer["total"]["value"] <= 1
            assert "金丝雀" not in str(world.ask(who, q, "search/suggest"))
    assert world.titles("foreign", "金丝雀", at=world.there) == ["采购线索金丝雀"]
    assert not world.ask("foreign", "采购线索")["hits"]  # there a visitor


def test_one_thing_is_two_documents_and_each_person_sees_the_right_one(world: World) -> None:
    world.put("w", "处方异常", body="科室合计偏离同行", attrs={"state": "waiting"}, class_to=2)
    more = {"names": ("金丝雀",), "department": "密科", "attrs": {"state": "waiting"}, "class_from": 3}
    world.put("w", "处方异常", body="人员：金丝雀", **more)
    assert world.titles("inspector", "处方异常") == world.titles("leader", "处方异常") == ["处方异常"]
    assert world.ask("inspector", "金丝雀")["total"]["value"] == 1
    assert "金丝雀" in world.ask("inspector", "处方异常")["hits"][0]["snippet_html"]
    for who in ("leader", "visitor"):
        for q in ("金丝雀", "jinsique", "处方异常"):
            answer = world.ask(who, q)
            assert answer["total"]["value"] == (1 if (who, q) == ("leader", "处方异常") else 0)
            assert "密科" not in str(answer) and "金丝雀" not in str(answer["hits"])
            assert "金丝雀" not in str(world.ask(who, q, "search/suggest"))


def test_a_department_head_finds_the_own_department_in_the_states_that_are_open_to_it(world: World) -> None:
    mine = world.posts["head"].department_id
    world.put("a", "线索甲", attrs={"department": mine, "state": "waiting"})
    world.put("b", "线索乙", attrs={"department": mine, "state": "open"})
    assert world.titles("head", "线索") == ["线索甲"]
    assert world.titles("eye_head", "线索") == []
    assert world.titles("inspector", "线索") == ["线索乙", "线索甲"]


def test_a_revoked_post_ends_with_the_next_request(world: World) -> None:
    world.put("a", "线索甲", attrs={"state": "open"})
    assert world.titles("leader", "线索") == ["线索甲"]
    post = world.posts["leader"]
    with acting(BY):
        post.ends_on = clock.today() - timedelta(days=1)
        post.save()
    answer = world.ask("leader", "线索")
    assert not answer["hits"] and answer["total"]["value"] == 0


def test_a_visitor_finds_what_is_public_and_nothing_that_is_for_all_staff(world: World) -> None:
    world.put("a", "公示甲", attrs={"state": "public"})
    world.put("b", "公示乙", attrs={"state": "public"}, class_from=2)
    assert world.titles("visitor", "公示") == ["公示甲"]
    assert world.titles("eye_head", "公示") == ["公示乙", "公示甲"]


def test_a_plugin_that_is_switched_off_is_not_found_from_that_moment(world: World) -> None:
    known = searchable.searchable(KIND)
    assert known is not None
    register_searchable(KIND, label="便笺", build=known.build, all_uids=known.all_uids, plugin="probe")
    with acting(BY):
        switch = PluginActivation.unscoped.create(
            hospital=world.here,
            plugin="probe",
            enabled=True,
            changed_at=clock.now(),
            changed_by="system:test",
        )
    world.put("a", "线索甲", attrs={"state": "open"})
    assert world.titles("inspector", "线索") == ["线索甲"]
    with acting(BY):
        switch.enabled = False
        switch.save()
    answer = world.ask("inspector", "线索")
    assert (answer["hits"], answer["total"]["value"], answer["groups"]) == ([], 0, [])
    assert world.ask("inspector", "线索", "search/suggest")["items"] == []


def test_a_hit_is_asked_of_policy_again_when_the_index_is_behind(world: World) -> None:
    mine = world.posts["head"].department_id
    world.put("a", "线索甲", attrs={"department": mine, "state": "waiting"})
    (key, one), *_ = world.notes.items()
    world.notes[key] = type(one)(**{**vars(one), "attrs": {"department": mine, "state": "open"}})
    answer = world.ask("head", "线索")  # search was not told of the change
    assert not answer["hits"] and answer["total"]["value"] == 0


def test_every_question_is_logged_with_who_and_how_many(world: World) -> None:
    world.put("a", "公示甲", attrs={"state": "public"})
    world.ask("inspector", "公示", department="骨科")
    world.ask("visitor", "公示")
    world.ask("visitor", "公", "search/suggest")
    rows = list(SearchLog.unscoped.order_by("id"))
    assert [(r.kind, r.actor_label, r.query, r.hits) for r in rows] == [
        ("search", world.posts["inspector"].person.name, "公示", 0),
        ("search", "访客", "公示", 1),
        ("suggest", "访客", "公", 1),
    ]
    assert rows[0].filters == {"department": "骨科"} and rows[0].hospital_id == world.here.id
