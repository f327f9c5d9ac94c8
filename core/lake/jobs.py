"""The import as a background job."""

from typing import Any

from core.jobs.domain.context import Cancelled, JobContext
from core.jobs.registry import job
from core.kernel.context import hospital_scope
from core.lake import told


@job("lake.import", label="导入数据", max_attempts=3)
def run(ctx: JobContext) -> dict[str, Any]:
    """Bring one ledger line in; params: {"import": uid}."""
    from core.lake import domain  # loads the engine

    with hospital_scope(ctx.hospital):
        lake_import = domain.get_import(ctx.params["import"], hospital=ctx.hospital)
        try:
            done = domain.run_import(lake_import, by=ctx.actor, tick=ctx.progress)
        except Cancelled:
            domain.cancel_import(lake_import, by=ctx.actor)
            raise
        told.finished(done, ctx)
        return domain.summary(done) | {"href": f"/h/{ctx.hospital.slug}/r/lake.import/{done.uid}"}
