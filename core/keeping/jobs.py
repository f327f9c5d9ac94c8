"""Background jobs of the installation: the daily backup, and sealing all cells under a new key."""

from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings

from core.jobs.domain.context import JobContext
from core.jobs.registry import job
from core.kernel import clock
from core.kernel.context import acting

DAILY = "backup.daily"
DUE = "backup.due"
#: How often it is looked whether the hour has come (seconds).
LOOK = 600


@job(DUE, label="安排每日备份")
def due(ctx: JobContext) -> dict[str, Any]:
    """Submit the daily backup once a day, from QINGLIAN_BACKUP_HOUR on (Shanghai); the first one without waiting."""
    from core.jobs.domain.submit import submit
    from core.keeping import shelf

    here = clock.now().astimezone(ZoneInfo("Asia/Shanghai"))
    first = not shelf.entries(shelf.daily_folder())
    if here.hour < settings.BACKUP_HOUR and not first:
        return {"submitted": False}
    key = f"{DAILY}:{here:%Y-%m-%d}"  # a clock that was set back makes no second one
    with acting(ctx.actor):
        made = submit(DAILY, {}, by=ctx.actor, hospital=None, idempotency_key=key)
    return {"job": str(made.uid)}


@job(DAILY, label="每日备份", max_attempts=3, patience=1800)
def run(ctx: JobContext) -> dict[str, Any]:
    """Make, read back, and let the oldest go. The result names the archive and what is missing in it."""
    from core.keeping import make, shelf

    def tick(done: int, total: int, note: str) -> None:
        ctx.progress(done, total or None, note)

    made = make.make(shelf.daily_folder(), kind="daily", by=ctx.actor, tick=tick)
    dropped = shelf.prune(shelf.daily_folder(), settings.BACKUP_KEEP, clock.now())
    return made.as_json() | {"dropped": dropped}


ROTATE = "vault.rotate"


@job(ROTATE, label="更换密钥", max_attempts=5, lease_seconds=10)
def rotate(ctx: JobContext) -> dict[str, Any]:
    """Seal every cell under the current key; a killed run is carried on from its last batch."""
    from core.vault import rotation

    done = rotation.rotate(
        lambda checkpoint: ctx.commit(checkpoint=checkpoint),
        saved=ctx.saved,
        tick=lambda count, label: ctx.progress(count, None, label),
    )
    return done.as_json()
