"""Worker, relay and queue: is work taken up, and how long does it wait."""

from datetime import timedelta

from core.jobs.domain.recurring import LOOP
from core.jobs.models import Job, Outbox, Schedule
from core.jobs.models import State as JobState
from core.jobs.queries import worker_alive
from core.jobs.registry import get_kind
from core.kernel import clock
from core.status.registry import Metric, Said, bad, ok, warn
from core.status.words import moment, span

#: Seconds after which a waiting row is late, and after which it is plainly stuck.
LATE, STUCK = 120, 1800
START = "请启动后台：systemctl start qinglian-worker（单机试用为 make up）；起不来请看后台日志的末尾。"


def worker() -> Said:
    """Whether the worker's loop has lately noted that it lives."""
    last = Schedule.objects.filter(name=LOOP).values_list("last_at", flat=True).first()
    running = Job.unscoped.filter(state=JobState.RUNNING).count()
    figures = (("正在做", f"{running} 件"), ("上次报到", moment(last) if last else "还没有"))
    metrics: tuple[Metric, ...] = (("jobs_running", {}, float(running)),)
    if worker_alive():
        return ok("后台在工作。", figures=figures, metrics=metrics)
    said = f"后台已有 {span((clock.now() - last).total_seconds())}没有报到" if last else "后台还没有启动过"
    return bad(f"{said}，导入、计算、备份和通知都停着。", START, figures=figures, metrics=metrics)


def relay() -> Said:
    """What committed transactions wanted sent, and how long the oldest of it waits."""
    now = clock.now()
    rows = Outbox.objects.filter(sent_at__isnull=True, due_at__lte=now)
    count, oldest = rows.count(), rows.order_by("due_at").values_list("due_at", flat=True).first()
    age = (now - oldest).total_seconds() if oldest else 0.0
    figures = (("待发送", f"{count} 件"), ("最久", span(age) if count else "无"))
    metrics: tuple[Metric, ...] = (("outbox_waiting", {}, float(count)), ("outbox_oldest_seconds", {}, age))
    if age >= STUCK:
        return bad(
            f"有 {count} 件事等待传给后台，最久的已等 {span(age)}。", START, figures=figures, metrics=metrics
        )
    if age >= LATE:
        return warn(
            f"有 {count} 件事等待传给后台，最久的已等 {span(age)}。",
            "请先看“后台”和“Redis”两项；两项都正常时，等几分钟再看。",
            figures=figures,
            metrics=metrics,
        )
    return ok("保存之后的事都及时传到了后台。", figures=figures, metrics=metrics)


def queue() -> Said:
    """Jobs that wait for a worker, and those that ended badly in the last day."""
    now = clock.now()
    waiting = Job.unscoped.filter(state=JobState.QUEUED)
    due = waiting.exclude(pk__in=Outbox.objects.filter(due_at__gt=now, job__isnull=False).values("job_id"))
    count, oldest = due.count(), due.order_by("queued_at").values_list("queued_at", flat=True).first()
    age = max((now - oldest).total_seconds(), 0.0) if oldest else 0.0
    failed = Job.unscoped.filter(state=JobState.FAILED, finished_at__gte=now - timedelta(days=1))
    kinds = sorted({_label(kind) for kind in failed.values_list("kind", flat=True).distinct()})
    broken = failed.count()
    figures = (
        ("排队", f"{count} 件"),
        ("最久", span(age) if count else "无"),
        ("一天内没有做成", f"{broken} 件"),
    )
    metrics: tuple[Metric, ...] = (
        ("jobs_queued", {}, float(count)),
        ("jobs_oldest_seconds", {}, age),
        ("jobs_failed_last_day", {}, float(broken)),
    )
    if age >= STUCK:
        return bad(
            f"后台任务排队 {count} 件，最久的已等 {span(age)}。",
            "请先看“后台”一项；后台正常时，说明任务比做得过来的多，可加大 QINGLIAN_WORKERS。",
            figures=figures,
            metrics=metrics,
        )
    if broken:
        return warn(
            f"最近一天有 {broken} 件后台任务没有做成：{'、'.join(kinds[:4])}。",
            "请发起的人打开任务页看原因，处理后点“接着办”。",
            figures=figures,
            metrics=metrics,
        )
    if age >= LATE:
        return warn(
            f"后台任务排队 {count} 件，最久的已等 {span(age)}。",
            "正在做的任务可能较大，过一会儿再看。",
            figures=figures,
            metrics=metrics,
        )
    return ok("后台任务没有积压。", figures=figures, metrics=metrics)


def _label(kind: str) -> str:
    known = get_kind(kind)
    return known.label if known else kind
