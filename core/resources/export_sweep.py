"""Every hour: files past their time are removed, requests nobody answered are closed."""

from datetime import timedelta
from typing import Any

from core.files import domain as files
from core.files.models import StoredFile
from core.kernel import clock
from core.kernel.context import HospitalRef, acting, hospital_scope
from core.resources import export
from core.resources.models import ExportRequest

#: How long a fetched file stays, for a download that is still running.
AFTER = timedelta(hours=1)
#: A file that is still being made after this long will not be made any more.
STUCK = timedelta(hours=24)
BATCH = 200


def sweep(ctx: Any) -> dict[str, Any]:
    """Close and remove; how many of each."""
    now = clock.now()
    states = ExportRequest.State
    rows = ExportRequest.unscoped.select_related("hospital")
    done = {"expired": 0, "closed": 0, "files": 0}
    for one in rows.filter(state=states.READY, expires_at__lte=now)[:BATCH]:
        with acting(ctx.actor):
            kept = ExportRequest.unscoped.filter(pk=one.pk, state=states.READY)
            done["expired"] += kept.update(state=states.EXPIRED)
    stuck = rows.filter(state=states.MAKING, asked_at__lt=now - STUCK, decided_at__isnull=True)
    late = rows.filter(state=states.MAKING, decided_at__lt=now - STUCK)
    waiting = rows.filter(state=states.WAITING, expires_at__lte=now)
    for found, note in (
        (stuck, "文件没有做成，请重新申请。"),
        (late, "文件没有做成，请重新申请。"),
        (waiting, ""),
    ):
        for one in found[:BATCH]:
            with hospital_scope(HospitalRef(one.hospital_id, one.hospital.slug)), acting(ctx.actor):
                ended = states.FAILED if note else states.WITHDRAWN
                export.close(one, ended, note or "到期没有人批准，已自动撤回。")
                done["closed"] += 1
    gone = StoredFile.unscoped.filter(kind="export", owner_type=export.OWNER)
    for file in gone.filter(created_at__lt=now - AFTER)[: 5 * BATCH]:
        request = ExportRequest.unscoped.filter(uid=file.owner_uid).first()
        waits = request is not None and request.state in (states.READY, states.MAKING)
        fresh = request is not None and request.taken_at is not None and request.taken_at > now - AFTER
        if waits or fresh:
            continue
        files.purge(file, by=ctx.actor)
        done["files"] += 1
    return done
