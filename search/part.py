"""What the status page says of search: does each engine answer, what waits to be handed in, when was it last compared."""

from core.kernel import clock
from core.org.models import Hospital
from core.status.registry import Metric, Said, ok, warn
from core.status.words import moment
from search import engines, notes
from search.engines.base import EngineFailed

LABELS = {"embedded": "内置检索", "elasticsearch": "Elasticsearch"}


def search() -> Said:
    """A production engine that is down is no outage: the built-in one answers meanwhile."""
    figures: list[tuple[str, str]] = []
    metrics: list[Metric] = []
    said, step = [], ""
    for engine in engines.engines():
        label, waiting, never = LABELS.get(engine.name, engine.name), 0, 0
        oldest = None
        for hospital in Hospital.objects.order_by("id"):
            waiting += notes.count_pending(engine.name, hospital.id)
            at = notes.ready_at(engine.name, hospital.id)
            never += at is None
            oldest = min(filter(None, (oldest, at)), default=None)
        up = _answers(engine)
        words = f"{'在应答' if up else '没有应答'}，待补 {waiting} 条" + (
            f"，{moment(oldest)} 核对" if oldest else ""
        )
        figures.append((label, words))
        labels = {"engine": engine.name}
        metrics += [("search_up", labels, float(up)), ("search_pending", labels, float(waiting))]
        if oldest:
            age = round((clock.now() - oldest).total_seconds())
            metrics.append(("search_compared_seconds", labels, float(age)))
        if not up:
            said.append(f"{label}没有应答" + ("，暂由内置检索回答" if engine.name != "embedded" else ""))
            step = step or (
                "请检查 Elasticsearch 和 QINGLIAN_SEARCH_URL；恢复后会自行补齐。"
                if engine.name != "embedded"
                else "请运行 manage.py search rebuild。"
            )
        elif never:
            said.append(f"{label}的索引正在建立")
            step = step or "后台会自行建好；一小时后仍如此，请运行 manage.py search rebuild。"
    more = {"figures": tuple(figures), "metrics": tuple(metrics)}
    if said:
        return warn("；".join(said) + "。", step, **more)
    return ok("检索在应答，索引与来源一致。", **more)


def _answers(engine: engines.Engine) -> bool:
    hospital = Hospital.objects.order_by("id").values_list("id", flat=True).first()
    try:
        engine.count(hospital or 0)
    except EngineFailed:
        return False
    return True
