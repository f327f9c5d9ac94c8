"""The job that hands one event to one subscriber."""

from datetime import datetime
from uuid import UUID

from core.jobs.domain.context import JobContext
from core.jobs.domain.outbox import DELIVER, actor_text
from core.jobs.registry import Event, get_subscriber, job


@job(DELIVER, label="通知各模块", max_attempts=8)
def deliver(ctx: JobContext) -> dict[str, str]:
    """Call the subscriber; a subscriber that is no longer installed is passed over."""
    subscriber = get_subscriber(ctx.params["kind"], ctx.params["subscriber"])
    if subscriber is None:
        return {"skipped": ctx.params["subscriber"]}
    subscriber.run(
        Event(
            uid=UUID(ctx.params["uid"]),
            kind=ctx.params["kind"],
            data=ctx.params["data"],
            hospital=ctx.hospital,
            occurred_at=datetime.fromisoformat(ctx.params["occurred_at"]),
            actor=actor_text(ctx.actor),
        )
    )
    return {}
