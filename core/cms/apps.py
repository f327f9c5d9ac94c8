"""The room of pages."""

from django.apps import AppConfig


class CmsConfig(AppConfig):
    """内容"""

    name = "core.cms"
    label = "cms"
    verbose_name = "内容"

    def ready(self) -> None:
        """Types of policy, pages in search, the schedule, and the listeners of Wagtail's signals."""
        from core.cms import asked, findable, receivers, schedule, told, uploads
        from core.cms.domain import media, previews, project, review, sites
        from core.policy.types import TypePolicy, register_type

        register_type(TypePolicy("cms.page", "页面", 1, {"state": "audience"}))
        register_type(TypePolicy("cms.draft", "稿件", 2))
        asked.answers(
            cover_card=lambda page: media.picture_out(
                project.cover_of(page), page.url_path.strip("/").split("/")[0], "card"
            ),
            url_parts=sites.url_parts,
            to_site=sites.to_site,
            to_preview=previews.to_preview,
            check_may_publish=review.check_may_publish,
            check_may_review=review.check_may_review,
            is_reviewer=review.is_reviewer,
            may_review=review.may_review,
            waiting_for=review.waiting_for,
        )
        findable.register()
        schedule.register()
        receivers.connect()
        told.connect()
        uploads.guard_pictures()
