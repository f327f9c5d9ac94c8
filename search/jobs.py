"""Background work of search: follow changes, catch up after an outage, compare index and source once a day."""

from typing import Any

from core.jobs.domain import JobContext
from core.jobs.registry import Event, every, job, subscribe
from core.resources.searchable import CHANGED
from search import engines, index, notes
from search.engines.base import Engine, EngineFailed
from search.engines.elasticsearch import ElasticsearchEngine

CATCH_UP = "search.catch_up"
RECONCILE = "search.reconcile"
CATCH_UP_EVERY = 30
RECONCILE_EVERY = 24 * 3600


@subscribe(CHANGED, name="search.embedded")
def follow_embedded(event: Event) -> None:
    """A change goes into the embedded index."""
    _follow(engines.embedded(), event)


@subscribe(CHANGED, name="search.elasticsearch")
def follow_elasticsearch(event: Event) -> None:
    """A change goes into Elasticsearch, where there is one; an engine that is down gets it later."""
    engine = engines.elasticsearch()
    if engine is not None:
        _follow(engine, event)


@job(CATCH_UP, label="补齐检索索引")
def catch_up(ctx: JobContext) -> dict[str, Any]:
    """Hand in what an engine could not take; an index that was lost is filled anew."""
    done: dict[str, Any] = {}
    for engine in engines.engines():
        try:
            prepare(engine)
            done[engine.name] = index.catch_up(engine)
            _fill(engine)
        except EngineFailed as error:
            done[engine.name] = str(error)
    return done


@job(RECONCILE, label="核对检索索引", max_attempts=8)
def reconcile(ctx: JobContext) -> dict[str, Any]:
    """Compare index and source of the hospital in every engine, resuming where it was."""
    done: dict[str, Any] = {}
    for engine in engines.engines():
        saved = dict((ctx.saved or {}).get(engine.name, {}))

        def save(place: dict[str, Any], name: str = engine.name) -> None:
            ctx.checkpoint({**(ctx.saved or {}), name: place})
            ctx.check_cancelled()

        try:
            prepare(engine)
            done[engine.name] = index.reconcile(
                ctx.hospital,
                engine,
                saved=saved,
                save=save,
                progress=lambda count, note: ctx.progress(count, None, note),
            )
        except EngineFailed as error:
            done[engine.name] = {"failed": str(error)}
    return done


def prepare(engine: Engine) -> None:
    """Make an index that is absent; nothing in it is trusted then. Raises EngineFailed."""
    if isinstance(engine, ElasticsearchEngine) and engine.ensure():
        notes.forget_ready(engine.name)


def register() -> None:
    """Recurring work, once at start."""
    every(CATCH_UP_EVERY, CATCH_UP)
    every(RECONCILE_EVERY, RECONCILE, per_hospital=True)


def _follow(engine: Engine, event: Event) -> None:
    if event.hospital is not None:
        index.changed(event.data["type"], list(event.data["uids"]), event.hospital, engine)


def _fill(engine: Engine) -> None:
    """Fill the index of hospitals that it was never filled for."""
    from core.org.models import Hospital

    for hospital in Hospital.objects.order_by("id"):
        if notes.ready_at(engine.name, hospital.id) is None:
            index.reconcile(hospital, engine)
