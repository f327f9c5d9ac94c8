"""Notices of the review: a text waits for a second person, was let out, or was sent back."""

from typing import Any

from wagtail.models import Page, TaskState
from wagtail.signals import task_approved, task_cancelled, task_rejected, task_submitted

from core.cms.domain.review import DRAFT, writers
from core.cms.domain.sites import hospital_of
from core.kernel.context import Actor, acting, current_actor
from core.notify.domain import NoticeKind, holders, register_kind, resolve, send
from core.org.models import User

TYPE = "cms.page"
WAITS = register_kind(
    NoticeKind(
        key="cms.review_waits",
        label="稿件待审核",
        title="“{title}”待审核",
        template="{who}提交了“{title}”，请审核。",
        hint="编辑提交的稿件等待审核",
        slots={"title": 2, "who": 2},
        lasting=True,
    )
)
APPROVED = register_kind(
    NoticeKind(
        key="cms.approved",
        label="稿件已通过",
        title="“{title}”已通过并发布",
        template="您提交的“{title}”已通过审核并发布。",
        slots={"title": 2},
        off=frozenset({"mail"}),
    )
)
SENT_BACK = register_kind(
    NoticeKind(
        key="cms.sent_back",
        label="稿件被退回",
        title="“{title}”被退回修改",
        template="您提交的“{title}”被退回修改，打开后可以看到审核意见。",
        slots={"title": 2},
    )
)


def connect() -> None:
    """Listen. Called once, at start."""
    task_submitted.connect(_submitted, dispatch_uid="cms.told.submitted")
    task_approved.connect(_approved, dispatch_uid="cms.told.approved")
    task_rejected.connect(_rejected, dispatch_uid="cms.told.rejected")
    task_cancelled.connect(_cancelled, dispatch_uid="cms.told.cancelled")


def _submitted(sender: Any, instance: TaskState, user: Any = None, **kwargs: Any) -> None:
    page, hospital = _page(instance)
    if page is None:
        return
    own = set(User.objects.filter(pk__in=writers(page)).values_list("person_id", flat=True))
    with acting(_by(user)):
        reviewers = holders("review", DRAFT, {}, hospital=hospital)
        send(
            WAITS.key,
            [person for person in reviewers if person not in own],
            hospital=hospital,
            slots={"title": _title(page), "who": user.get_full_name() if user else "编辑"},
            href=_href(page),
            subject=(TYPE, page.specific.uid),
            key=f"task:{instance.pk}",
        )


def _approved(sender: Any, instance: TaskState, user: Any = None, **kwargs: Any) -> None:
    _decided(instance, user, APPROVED)


def _rejected(sender: Any, instance: TaskState, user: Any = None, **kwargs: Any) -> None:
    _decided(instance, user, SENT_BACK)


def _cancelled(sender: Any, instance: TaskState, user: Any = None, **kwargs: Any) -> None:
    page, hospital = _page(instance)
    if page is not None:
        with acting(_by(user)):
            resolve((TYPE, page.specific.uid), hospital=hospital, kinds=[WAITS.key])


def _decided(state: TaskState, user: Any, kind: NoticeKind) -> None:
    page, hospital = _page(state)
    if page is None:
        return
    subject = (TYPE, page.specific.uid)
    asked = state.workflow_state.requested_by
    with acting(_by(user)):
        resolve(subject, hospital=hospital, kinds=[WAITS.key])
        if asked is not None and asked.person_id:
            send(
                kind.key,
                [asked.person_id],
                hospital=hospital,
                slots={"title": _title(page)},
                href=_href(page),
                subject=subject,
                key=f"task:{state.pk}",
            )


def _page(state: TaskState) -> tuple[Page | None, Any]:
    """The page of the review with its hospital; None for what is no page of a hospital."""
    thing = state.workflow_state.content_object
    hospital = hospital_of(thing) if isinstance(thing, Page) else None
    found = thing if hospital is not None and getattr(thing.specific, "uid", None) else None
    return found, hospital


def _title(page: Page) -> str:
    return str(page.draft_title or page.title)


def _href(page: Page) -> str:
    return f"/admin/pages/{page.pk}/edit/"


def _by(user: Any) -> Actor:
    return Actor.user(user) if user is not None else current_actor() or Actor.system("cms")
