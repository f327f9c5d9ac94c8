"""A text goes out only when a second person let it; schedules; taking down; what is told to others."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from wagtail.models import Page, Task, TaskState, Workflow

from core.audit.models import Event
from core.cms import schedule
from core.cms.domain import review
from core.cms.domain.sites import WORKFLOW
from core.cms.models import ArticlePage, ColumnPage
from core.jobs.models import Outbox
from core.kernel import clock
from core.kernel.context import Actor, acting
from core.kernel.errors import Problem
from core.org.domain.people import appoint
from core.testing.world import World
from tests.integration.cms.conftest import BY, article, get

pytestmark = pytest.mark.django_db


def submitted(world: World, column: ColumnPage, role: str = "editor", **values: Any) -> Any:
    """An article that the holder of a role wrote and submitted; its task state."""
    user = world.user(role)
    page = article("待审文章", slug="waiting", **values)
    with acting(Actor.user(user)):
        page.live, page.owner = False, user
        column.add_child(instance=page)
        page.save_revision(user=user)
        state = Workflow.objects.get(name=WORKFLOW).start(page, user)
    return state.current_task_state


def decide(state: TaskState, user: Any, action: str = "approve", **more: Any) -> None:
    """What a click of a reviewer does."""
    with acting(Actor.user(user)):
        state.task.specific.on_action(state, user, action, **more)


def test_second_person_lets_it_out(world: World, column: ColumnPage, client: Client) -> None:
    state = submitted(world, column)
    assert get(client, "/cms/page", path="culture/waiting").status_code == 404
    decide(state, world.user("reviewer"))
    assert get(client, "/cms/page", path="culture/waiting").json()["title"] == "待审文章"
    page = ArticlePage.objects.get(slug="waiting")
    assert Event.objects.filter(kind="cms.published", subject_uid=str(page.uid)).exists()
    kinds = set(Outbox.objects.filter(hospital_id=world.hospital().id).values_list("kind", flat=True))
    assert {"cms.published", "search.changed"} <= kinds


def test_nobody_lets_own_text_out(world: World, column: ColumnPage, client: Client) -> None:
    editor = world.user("editor")
    with acting(BY):
        appoint(editor.person, world.hospital(), "reviewer")
    state = submitted(world, column)
    with pytest.raises(PermissionDenied, match="另一位审核人"):
        decide(state, editor)
    task = state.task.specific
    page = ArticlePage.objects.get(slug="waiting")
    assert task.get_actions(page, editor) == []
    assert [action for action, _, _ in task.get_actions(page, world.user("reviewer"))][:2] == [
        "reject",
        "approve",
    ]
    assert list(task.get_task_states_user_can_moderate(editor)) == []
    assert list(task.get_task_states_user_can_moderate(world.user("reviewer"))) == [state]
    assert get(client, "/cms/page", path="culture/waiting").status_code == 404


def test_reviewer_who_changed_the_text_cannot_let_it_out(world: World, column: ColumnPage) -> None:
    state = submitted(world, column)
    reviewer = world.user("reviewer")
    page = ArticlePage.objects.get(slug="waiting").get_latest_revision_as_object()
    page.title = "审核人改过的标题"
    with acting(Actor.user(reviewer)):
        page.save_revision(user=reviewer)
    with pytest.raises(PermissionDenied, match="另一位审核人"):
        decide(state, reviewer)


@pytest.mark.parametrize(
    ("role", "slug"), [("editor", "binjiang"), ("inspector", "binjiang"), ("reviewer", "yunling")]
)
def test_others_cannot_review(world: World, column: ColumnPage, role: str, slug: str) -> None:
    state = submitted(world, column, "editor" if role != "editor" else "hospital_admin")
    with pytest.raises(PermissionDenied):
        decide(state, world.user(role, slug))


@pytest.mark.parametrize("role", ["editor", "reviewer"])
def test_nothing_goes_out_past_the_review_whatever_permissions_say(
    world: World, column: ColumnPage, role: str
) -> None:
    user = world.user(role)
    with acting(BY):
        page = article("直接发布", slug="direct")
        page.live = False
        column.add_child(instance=page)
        revision = page.save_revision(user=user)
        user.is_superuser = True
        with pytest.raises(PermissionDenied, match="提交审核"):
            revision.publish(user=user)
        with pytest.raises(PermissionDenied):
            revision.publish(user=user, skip_permission_checks=True)
    assert not Page.objects.get(pk=page.pk).live


def test_sent_back_and_submitted_again(world: World, column: ColumnPage, client: Client) -> None:
    state = submitted(world, column)
    decide(state, world.user("reviewer"), "reject", comment="请补上来源")
    workflow = state.workflow_state
    workflow.refresh_from_db()
    assert workflow.status == "needs_changes"
    with acting(Actor.user(world.user("editor"))):
        workflow.resume(user=world.user("editor"))
    workflow.refresh_from_db()
    decide(workflow.current_task_state, world.user("reviewer"))
    assert get(client, "/cms/page", path="culture/waiting").status_code == 200


def test_schedule_puts_out_and_takes_down(world: World, column: ColumnPage, client: Client) -> None:
    at = clock.now()
    state = submitted(world, column, go_live_at=at + timedelta(hours=1), expire_at=at + timedelta(hours=3))
    decide(state, world.user("reviewer"))
    assert get(client, "/cms/page", path="culture/waiting").status_code == 404
    for hours, status in ((0.5, 404), (1.1, 200), (3.1, 404)):
        with (
            clock.turned(at + timedelta(hours=hours)),
            acting(BY),
            _django_clock(at + timedelta(hours=hours)),
        ):
            schedule.run()
            assert get(client, "/cms/page", path="culture/waiting").status_code == status, hours
    assert ArticlePage.objects.get(slug="waiting").expired


def test_ended_page_is_hidden_before_the_schedule_runs(
    world: World, column: ColumnPage, client: Client
) -> None:
    at = clock.now()
    state = submitted(world, column, expire_at=at + timedelta(minutes=5))
    decide(state, world.user("reviewer"))
    with clock.turned(at + timedelta(minutes=6)):
        assert get(client, "/cms/page", path="culture/waiting").status_code == 404


def test_taking_down_needs_a_reviewer_and_a_reason(world: World, column: ColumnPage, client: Client) -> None:
    decide(submitted(world, column), world.user("reviewer"))
    page = Page.objects.get(slug="waiting")
    with pytest.raises(PermissionDenied):
        review.take_down(page, world.user("editor"), "有误")
    with pytest.raises(Problem, match="下线原因"):
        review.take_down(page, world.user("reviewer"), " ")
    review.take_down(page, world.user("reviewer"), "有误")
    assert get(client, "/cms/page", path="culture/waiting").status_code == 404
    assert Event.objects.get(kind="cms.taken_down").data == {"reason": "有误"}


def test_one_task_serves_all_hospitals(world: World, root: Any) -> None:
    assert Task.objects.filter(active=True, name="第二人审核").count() == 1


class _django_clock:
    """Wagtail asks Django for the time."""

    def __init__(self, at: Any) -> None:
        self.at = at

    def __enter__(self) -> None:
        from django.utils import timezone

        self.real, timezone.now = timezone.now, lambda: self.at  # type: ignore[assignment]

    def __exit__(self, *_: Any) -> None:
        from django.utils import timezone

        timezone.now = self.real
