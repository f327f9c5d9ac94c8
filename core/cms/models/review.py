"""Review by a second person, and which Wagtail group stands for which role of a hospital."""

from typing import Any

from django.contrib.auth.models import Group
from django.db import models
from wagtail.models import Task, TaskState

from core.cms.asked import ask
from core.org.models import HospitalModel


class HospitalGroup(HospitalModel):
    """The Wagtail group that stands for one role in one hospital; its members follow from dated posts."""

    role = models.CharField("角色", max_length=40)
    group = models.OneToOneField(Group, on_delete=models.PROTECT, related_name="+", verbose_name="用户组")

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "医院用户组"
        constraints = [models.UniqueConstraint(fields=["hospital", "role"], name="cms_group_role")]


class SecondPersonTask(Task):
    """A reviewer of the page's hospital who did not write the text lets it out. The rights follow from posts."""

    class Meta:
        verbose_name = verbose_name_plural = "第二人审核"

    @classmethod
    def get_description(cls) -> str:
        """One sentence for the workflow screen."""
        return "由本院审核人审核；提交人和写稿人不能审核自己的稿件。"

    def user_can_access_editor(self, obj: Any, user: Any) -> bool:
        """Reviewers may open what waits for them."""
        return ask("is_reviewer", user, obj)

    def locked_for_user(self, obj: Any, user: Any) -> bool:
        """While it waits, only the reviewers may change the text."""
        return not ask("is_reviewer", user, obj)

    def get_actions(self, obj: Any, user: Any) -> list[tuple[str, str, bool]]:
        """What this person may do with what waits: nothing with one's own text."""
        if not ask("may_review", user, obj):
            return []
        return [
            ("reject", "退回修改", True),
            ("approve", "通过并发布", False),
            ("approve", "通过并附意见", True),
        ]

    def on_action(self, task_state: TaskState, user: Any, action_name: str, **kwargs: Any) -> None:
        """Approve or send back. Raises PermissionDenied for one's own text, whatever the screen offered."""
        ask("check_may_review", user, task_state.workflow_state.content_object)
        super().on_action(task_state, user, action_name, **kwargs)

    def get_task_states_user_can_moderate(self, user: Any, **kwargs: Any) -> models.QuerySet:
        """What waits for this person, of their hospitals only."""
        return ask("waiting_for", user, self)
