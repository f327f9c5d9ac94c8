"""When the last backup was made, and when the last restore drill."""

from core.audit.models import Event
from core.jobs.models import Job
from core.jobs.models import State as JobState
from core.keeping import jobs, shelf
from core.keeping.drill import DRILLED
from core.kernel import clock
from core.status.registry import Metric, Said, bad, ok, warn
from core.status.words import moment, size, span

#: The daily backup comes every 24 hours and takes its time (seconds).
LATE, MISSING = 26 * 3600, 3 * 24 * 3600
#: A drill every quarter (days).
DRILL_EVERY = 92


def last_backup() -> Said:
    """The newest sound archive in the folder of daily backups."""
    folder, now = shelf.daily_folder(), clock.now()
    entries = shelf.entries(folder)
    sound = [one for one in entries if not one.problem and shelf.made_at(one)]
    entry = shelf.newest(sound, now)
    at = shelf.made_at(entry) if entry else None
    broken = sum(bool(one.problem) for one in entries)
    failed = _failure()
    figures = [("目录", str(folder)), ("份数", f"{len(sound)} 份")]
    metrics: list[Metric] = [("backups", {}, float(len(sound)))]
    if entry is None or at is None:
        why = f"最近一次没有做成：{failed}" if failed else "后台启动后会自动做第一份。"
        return warn(
            f"还没有备份。{why}",
            "现在就可以做一份：make backup，或 manage.py backup make。",
            figures=tuple(figures),
            metrics=tuple(metrics),
        )
    age = (now - at).total_seconds()
    figures += [("最近一份", f"{moment(at)}，{size(entry.size)}")]
    metrics += [("backup_age_seconds", {}, round(age)), ("backup_bytes", {}, float(entry.size))]
    if broken:
        figures.append(("打不开", f"{broken} 份"))
    more = {"figures": tuple(figures), "metrics": tuple(metrics)}
    if age < -shelf.SKEW.total_seconds():
        return warn(
            f"最近一份备份写着 {moment(at)}，比这台机器的时间晚：不知道它有多旧。",
            "请先看“时间”一项，校准时间；再运行 manage.py backup make。",
            **more,
        )
    if age > LATE:
        said = f"最近一份备份是 {span(age)}前的"
        told = f"{said}，之后没有做成：{failed}" if failed else f"{said}，之后没有新的。"
        step = "请看“后台”和“磁盘”两项，再运行 manage.py backup make 看它说什么。"
        return bad(told, step, **more) if age > MISSING else warn(told, step, **more)
    if broken:
        return warn(
            f"备份目录里有 {broken} 份打不开的文件。",
            "请运行 manage.py backup list 看是哪一份，并查明原因。",
            **more,
        )
    return ok(f"最近一份备份是 {span(age)}前做的，已读回核对。", **more)


def last_drill() -> Said:
    """The last restore drill and how it ended."""
    event = Event.objects.filter(kind=DRILLED).order_by("-id").first()
    step = "请运行 manage.py backup drill（见 docs/operations/backup.md“演练”），它在临时目录里恢复最近的备份并核对。"
    if event is None:
        return warn("还没有做过恢复演练：没有恢复过的备份，不能算数。", step)
    age = (clock.now() - event.at).total_seconds()
    data = event.data if isinstance(event.data, dict) else {}
    figures = (("上次演练", moment(event.at)), ("用时", span(float(data.get("seconds") or 0))))
    metrics: tuple[Metric, ...] = (("drill_age_seconds", {}, round(age)),)
    if data.get("ok") is False:
        return bad(
            f"上次恢复演练（{moment(event.at)}）发现不一致。",
            "请查明原因，重做一份备份，再演练一次。",
            figures=figures,
            metrics=metrics,
        )
    if age > DRILL_EVERY * 86400:
        return warn(f"上次恢复演练是 {span(age)}前的。", step, figures=figures, metrics=metrics)
    return ok(f"上次恢复演练在 {span(age)}前，核对一致。", figures=figures, metrics=metrics)


def _failure() -> str:
    """What the last daily backup said if it failed; empty when it did not."""
    job = Job.unscoped.filter(kind=jobs.DAILY).exclude(finished_at=None).order_by("-id").first()
    if job is None or job.state != JobState.FAILED:
        return ""
    return str((job.error or {}).get("detail", ""))
