"""Who may let a text out: a reviewer of the page's hospital who neither wrote nor submitted it."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from wagtail.models import Page, TaskState, WorkflowState

from core.audit.events import record
from core.cms.domain.sites import hospital_of
from core.kernel.context import Actor, acting
from core.kernel.errors import Invalid
from core.policy.decide import may
from core.policy.principal import Principal, principal_for

#: The policy type of texts that are not out.
DRAFT = "cms.draft"
OWN = "不能审核自己写过或提交的稿件，请由另一位审核人审核。"


def rights(user: Any, page: Page) -> Principal | None:
    """The person's rights in the hospital of a page."""
    hospital = hospital_of(page)
    return principal_for(user, hospital) if hospital and user is not None else None


def is_reviewer(user: Any, page: Page) -> bool:
    """Whether the person reviews texts of the page's hospital."""
    return may(rights(user, page), "review", DRAFT)


def writers(page: Page) -> set[int]:
    """Accounts that wrote or submitted what is not out yet."""
    revisions = page.revisions.all()
    if page.live_revision_id:
        revisions = revisions.filter(id__gt=page.live_revision_id)
    found = set(revisions.exclude(user=None).values_list("user_id", flat=True))
    state = WorkflowState.objects.for_instance(page).active().first()
    if state is not None and state.requested_by_id:
        found.add(state.requested_by_id)
    if not page.live_revision_id and page.owner_id:
        found.add(page.owner_id)
    return found


def may_review(user: Any, page: Page) -> bool:
    """Whether this person may let this text out or send it back now."""
    return is_reviewer(user, page) and user.pk not in writers(page)


def check_may_review(user: Any, page: Page) -> None:
    """Raises PermissionDenied, in Chinese."""
    if not is_reviewer(user, page):
        raise PermissionDenied("只有本院审核人可以审核稿件。")
    if user.pk in writers(page):
        raise PermissionDenied(OWN)


def waiting_for(user: Any, task: Any) -> QuerySet[TaskState]:
    """Task states that this person may decide: of their hospitals, not their own texts."""
    waiting = TaskState.objects.filter(task_id=task.pk, status=TaskState.STATUS_IN_PROGRESS)
    found = []
    for state in waiting.select_related("workflow_state"):
        page = Page.objects.filter(pk=state.workflow_state.object_id).first()
        if page is not None and may_review(user, page):
            found.append(state.pk)
    return TaskState.objects.filter(pk__in=found)


def publish_approved(workflow_state: WorkflowState, user: Any = None) -> None:
    """The end of the review: what was approved goes out (WAGTAIL_FINISH_WORKFLOW_ACTION)."""
    state = (
        workflow_state.task_states.filter(status=TaskState.STATUS_APPROVED).order_by("-finished_at").first()
    )
    latest = workflow_state.content_object.get_latest_revision()
    if state is None or state.revision_id != latest.pk:
        raise PermissionDenied("稿件在审核时又有改动，请重新提交审核。")
    latest.publish(user=user, skip_permission_checks=True)


def take_down(page: Page, user: Any, reason: str) -> None:
    """Take a page off the site, by a reviewer of the hospital. Raises PermissionDenied, Invalid (no reason)."""
    if not is_reviewer(user, page):
        raise PermissionDenied("只有本院审核人可以把页面下线。")
    if not reason.strip():
        raise Invalid("请填写下线原因。")
    hospital = hospital_of(page)
    with acting(Actor.user(user)):
        record(
            "cms.taken_down",
            "cms.page",
            page.specific.uid,
            {"reason": reason.strip()[:400]},
            hospital=hospital,
        )
        page.specific.unpublish()


def check_may_publish(revision: Any, user: Any) -> None:
    """Only what a second person approved goes out, whatever permissions an account has. Raises PermissionDenied.

    `user` is None where the platform acts by itself: a schedule that was approved, the demonstration.
    """
    if user is None:
        return
    approved = TaskState.objects.filter(
        revision=revision,
        status=TaskState.STATUS_APPROVED,
        workflow_state__status=WorkflowState.STATUS_APPROVED,
        task__content_type__model="secondpersontask",
    )
    for state in approved.select_related("workflow_state", "finished_by"):
        if state.finished_by_id and state.finished_by_id not in {
            revision.user_id,
            state.workflow_state.requested_by_id,
        }:
            return
    raise PermissionDenied("稿件须先提交审核，由另一位审核人通过后发布。")
