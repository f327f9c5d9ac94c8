"""Running queued work inside a test, through the same outbox, claim and lease as the worker."""

from core.jobs.domain.outbox import relay_once
from core.jobs.domain.run import execute
from core.jobs.models import Job


def run_pending(*, limit: int = 10_000) -> list[Job]:
    """Relay what is due and run it, until nothing is due; the jobs as they ended, in order.

    A job that waits for its next attempt is not due: turn the clock and call again. No queue and no thread.
    """
    ended: list[Job] = []
    while len(ended) < limit:
        sent: list[str] = []

        def send(uid: str, sent: list[str] = sent) -> str:
            sent.append(uid)
            return f"test-{uid}"

        if not relay_once(send):
            break
        ended.extend(job for job in (execute(uid) for uid in sent) if job is not None)
    return ended
