"""The work behind notices: what follows a send, what is due, the daily digest."""

from typing import Any

from core.jobs.domain.context import JobContext
from core.jobs.registry import every, job
from core.kernel.context import acting, hospital_scope
from core.notify.domain import deliver, digest, plan
from core.notify.domain.send import BY, DELIVER
from core.notify.models import Delivery, DeliveryState, Notice
from core.org.models import Hospital

DUE = "notify.due"
#: How often what waits is looked at, seconds: the ends of rests, repeated tries, digests.
EVERY = 60


def register() -> None:
    """Make the kinds of job known, and let the worker look for what is due."""
    job(DELIVER, label="发送消息", max_attempts=5, resumable=False)(run)
    job(DUE, label="发送到时的消息", max_attempts=1, resumable=False)(run_due)
    every(EVERY, DUE)


def run(ctx: JobContext) -> dict[str, Any]:
    """Plan one notice ({"notice": uid}) and send what is due of the hospital."""
    hospital = Hospital.objects.get(pk=ctx.hospital.id)
    with hospital_scope(hospital):
        notice = Notice.objects.filter(uid=ctx.params["notice"]).first()
        if notice is None:
            return {"gone": True}
        with acting(BY):
            planned = plan.plan(notice, hospital)
    return {"planned": planned, **deliver.deliver_due(hospital, tick=ctx.check_cancelled)}


def run_due(ctx: JobContext) -> dict[str, Any]:
    """Digests and what is due, in every hospital that has something waiting."""
    told: dict[str, Any] = {}
    waiting = Delivery.unscoped.filter(
        state__in=(DeliveryState.WAITING, DeliveryState.SENDING, DeliveryState.DIGEST)
    )
    for hospital in Hospital.objects.filter(
        pk__in=waiting.order_by().values("hospital_id").distinct()
    ).order_by("pk"):
        made = digest.gather(hospital)
        told[hospital.slug] = deliver.deliver_due(hospital, tick=ctx.check_cancelled) | {"digests": made}
    return told
