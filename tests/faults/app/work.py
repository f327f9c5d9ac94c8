"""The jobs of the kill suites."""

import time
import urllib.request
from typing import Any

from core.jobs.domain import JobContext
from core.jobs.registry import job
from core.kernel.context import current_actor
from tests.faults.app.models import Mark


@job("faults.mark", label="测试：写一行并通知", max_attempts=3)
def mark(ctx: JobContext) -> None:
    """Tell the receiver the key, then write the row in the transaction that ends the job."""
    total = int(ctx.params["steps"])
    for step in range(total):
        time.sleep(ctx.params["seconds"] / total)
        ctx.progress(step, total, "正在处理")
    urllib.request.urlopen(ctx.params["url"], data=ctx.key.encode(), timeout=10).close()
    with ctx.complete() as result:
        Mark.objects.create(key=ctx.key, actor=str(current_actor()))
        time.sleep(0.002)  # wide enough for a kill between the row and the commit
        result["key"] = ctx.key


@job("faults.spin", label="测试：长时间运行")
def spin(ctx: JobContext) -> dict[str, Any]:
    """Work for `seconds`, cancellable, with a heartbeat by progress."""
    until = time.monotonic() + ctx.params["seconds"]
    while time.monotonic() < until:
        time.sleep(0.05)
        ctx.progress(1, 100, "正在运行")
    return {}


@job("faults.silent", label="测试：长时间不报告进度", lease_seconds=3)
def silent(ctx: JobContext) -> dict[str, Any]:
    """Outlast several leases and at least one sweep without a word."""
    time.sleep(13)
    return {}


@job("faults.hang", label="测试：首次运行时卡住", patience=2)
def hang(ctx: JobContext) -> dict[str, Any]:
    """Hang for ever on the first run."""
    if ctx.saved is None:
        ctx.checkpoint({"hung": True})
        time.sleep(3600)
    return {}
