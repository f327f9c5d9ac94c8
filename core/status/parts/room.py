"""Room on disk, and whether the clock of this machine can be believed."""

from datetime import datetime

from django.db.models import Max

from core.audit.models import Event, Head
from core.jobs.models import Job
from core.kernel import clock
from core.status import disk
from core.status.models import Sample
from core.status.registry import RANK, Metric, Said, State, bad, ok
from core.status.words import moment, size, span

#: Days left that want attention, and that want it today; bytes below which nothing can be promised.
SOON, NOW, FLOOR = 30, 7, 1_000_000_000
#: Rows may be written by several machines whose clocks differ a little, seconds.
TOLERANCE = 60


def room() -> Said:
    """Days of disk left from the observed growth."""
    found = [(place, disk.outlook(place)) for place in disk.places()]
    states, said = [State.OK], []
    figures: list[tuple[str, str]] = []
    metrics: list[Metric] = []
    for place, now in found:
        share = now.free / now.total if now.total else 0
        left = now.days_left
        full = now.free < FLOOR or share < 0.02 or (left is not None and left < NOW)
        soon = share < 0.1 or (left is not None and left < SOON)
        states.append(State.BAD if full else State.WARN if soon else State.OK)
        if now.growth is None:
            words = "增长还在观察，满一天后给出"
        elif left is None:
            words = "没有增长"
        else:
            words = f"每天约增 {size(now.growth)}，还够 {int(left)} 天"
        figures.append((place.label, f"可用 {size(now.free)}（共 {size(now.total)}），{words}"))
        labels = {"place": place.key}
        metrics += [
            ("disk_free_bytes", labels, float(now.free)),
            ("disk_total_bytes", labels, float(now.total)),
        ]
        if left is not None:
            metrics.append(("disk_days_left", labels, round(left, 1)))
        if full or soon:
            days = f"按最近的增长还够 {int(left)} 天" if left is not None else f"只剩 {share:.0%}"
            said.append(f"{place.label}可用 {size(now.free)}，{days}")
    state = max(states, key=RANK.__getitem__)
    if state is State.OK:
        known = [now.days_left for _, now in found if now.days_left is not None]
        text = f"磁盘空间按最近的增长还够 {int(min(known))} 天。" if known else "磁盘空间充足。"
        return ok(text, figures=tuple(figures), metrics=tuple(metrics))
    return Said(
        state,
        "；".join(said) + "。",
        "请扩大磁盘，或把旧备份移到别的机器；不要自行删除数据目录里的文件。空间用完时，保存和导入会被拒绝，已有数据不受影响。",
        tuple(figures),
        tuple(metrics),
    )


def clocks() -> Said:
    """Whether the clock stands before what was already written: then it was set back."""
    now, newest = clock.now(), _newest()
    behind = (newest - now).total_seconds() if newest else 0.0
    metrics: tuple[Metric, ...] = (("clock_behind_seconds", {}, max(round(behind), 0)),)
    figures = (("本机时间", moment(now)),)
    if behind > TOLERANCE:
        return bad(
            f"这台机器的时间被调回过：现在是 {moment(now)}，而已有的记录写到 {moment(newest)}，相差 {span(behind)}。"
            if newest
            else "",
            "请校准时间：timedatectl set-ntp true。期限和到期日以校准后的时间为准；审计记录按先后编号，不受影响。",
            figures=figures,
            metrics=metrics,
        )
    return ok("时间正常。", figures=figures, metrics=metrics)


def _newest() -> datetime | None:
    """The latest instant that the database holds, whatever order rows came in: newest ids are not enough."""
    last_event = Event.objects.order_by("-id").values_list("at", flat=True)[:500]
    last_jobs = Job.unscoped.order_by("-id").values_list("created_at", flat=True)[:500]
    found = [
        Head.objects.aggregate(at=Max("at"))["at"],
        Sample.objects.aggregate(at=Max("at"))["at"],
        *last_event,
        *last_jobs,
    ]
    return max((at for at in found if at is not None), default=None)
