"""The one Django Task: what a queue message carries is the uid of a job. Import only where a queue is wanted."""

from typing import Any

from django.dispatch import receiver
from django_tasks import task
from django_tasks.signals import task_finished
from huey.contrib.djhuey import HUEY
from huey.contrib.djhuey.tasks_backend import KEY, HueyBackend

from core.jobs.domain.run import execute
from core.jobs.models import Job, State


@task()
def run_job(uid: str) -> None:
    """Run the job of this uid, if it is still to be claimed."""
    execute(uid, heartbeat=True)


def send(uid: str) -> str:
    """Put a job on the queue; the id of the message."""
    return str(run_job.enqueue(uid).id)


def pending() -> set[str]:
    """The ids of the messages that wait in the queue."""
    return {message.id for message in HUEY.pending()}


@receiver(task_finished, sender=HueyBackend)
def forget_result(task_result: Any, **_: Any) -> None:
    """The backend keeps every result for ever; the job's row has ours, and nobody reads Wagtail's."""
    HUEY.delete(KEY % task_result.id)


def forget_stale_results() -> int:
    """Delete results whose worker was killed: their message waits no more and no running job names them."""
    prefix = KEY % ""
    kept = pending()
    kept.update(Job.unscoped.filter(state=State.RUNNING).values_list("message_id", flat=True))
    stale = [
        key
        for key in (_text(key) for key in HUEY.storage.result_items())
        if key.startswith(prefix) and key.removeprefix(prefix) not in kept
    ]
    for key in stale:
        HUEY.delete(key)
    return len(stale)


def _text(key: str | bytes) -> str:
    return key.decode() if isinstance(key, bytes) else key
