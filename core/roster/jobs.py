"""Applying a list as a background job."""

from contextlib import AbstractContextManager
from typing import Any

from core.jobs.domain.context import Cancelled, JobContext
from core.jobs.registry import job
from core.kernel.context import hospital_scope
from core.kernel.errors import Problem


@job("roster.apply", label="人员名册生效", max_attempts=3)
def run(ctx: JobContext) -> dict[str, Any]:
    """Apply one change set; params: {"change_set": uid}. The rows and "done" are one transaction."""
    from core.roster.domain import changes  # loads the readers

    with hospital_scope(ctx.hospital):
        change_set = changes.get_set(ctx.params["change_set"], hospital=ctx.hospital)
        answer = {
            "change_set": str(change_set.uid),
            "changed": change_set.changed,
            "counts": change_set.counts,
            "href": f"/h/{ctx.hospital.slug}/r/roster.change_set/{change_set.uid}",
        }

        def commit() -> AbstractContextManager[Any]:
            return ctx.complete(answer)

        try:
            changes.run(change_set, by=ctx.actor, commit=commit, tick=ctx.progress)
        except Cancelled:
            changes.cancelled(change_set, by=ctx.actor)
            raise
        except Problem as problem:
            if problem.code != "unavailable":
                changes.fail(change_set, problem, by=ctx.actor)
            raise
        return answer
