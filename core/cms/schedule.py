"""Pages that come out and go at a set time."""

from typing import Any

from django.db import transaction
from wagtail.models import Page, Revision

from core.cms.models import PreviewText
from core.jobs.registry import every, job
from core.kernel import clock

KIND = "cms.scheduled"
EVERY = 10  # seconds; the loop's own step


def run(ctx: Any = None) -> dict[str, Any]:
    """Take down what has ended, let out what was approved for now, drop old previews."""
    at = clock.now()
    down = list(Page.objects.filter(live=True, expire_at__lt=at).order_by("expire_at"))
    for page in down:
        page.specific.unpublish(set_expired=True, log_action="wagtail.unpublish.scheduled")
    due = list(Revision.objects.filter(approved_go_live_at__lt=at).order_by("approved_go_live_at"))
    for revision in due:
        with transaction.atomic():
            revision.publish(log_action="wagtail.publish.scheduled")
    PreviewText.unscoped.filter(expires_at__lt=at).delete()
    return {"published": len(due), "taken_down": len(down)}


def register() -> None:
    """Make the job known and run it every ten seconds."""
    job(KIND, label="按时发布与下线")(run)
    every(EVERY, KIND)
