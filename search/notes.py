"""Notes on the engines: what waits to be handed in, and whose index is complete."""

from collections.abc import Sequence
from datetime import datetime

from core.kernel import clock
from core.kernel.context import Actor, acting
from search.models import Pending, Ready

INDEXER = Actor.system("search")


def add_pending(engine: str, hospital_id: int, type_key: str, uids: Sequence[str]) -> None:
    """Note changes that an engine could not take."""
    rows = [Pending(engine=engine, hospital_id=hospital_id, type=type_key, uid=uid) for uid in uids]
    with acting(INDEXER):
        Pending.objects.bulk_create(rows, ignore_conflicts=True)


def pending(engine: str, limit: int) -> list[tuple[int, str, str]]:
    """(hospital id, type, uid) of what waits, oldest first."""
    rows = Pending.objects.filter(engine=engine).order_by("id")
    return list(rows.values_list("hospital_id", "type", "uid")[:limit])


def done_pending(engine: str, hospital_id: int, type_key: str, uids: Sequence[str]) -> None:
    """These were handed in."""
    with acting(INDEXER):
        Pending.objects.filter(engine=engine, hospital_id=hospital_id, type=type_key, uid__in=uids).delete()


def drop_pending(engine: str) -> None:
    """Nothing waits any more: the index was written anew."""
    with acting(INDEXER):
        Pending.objects.filter(engine=engine).delete()


def count_pending(engine: str, hospital_id: int) -> int:
    """How many things of the hospital wait."""
    return Pending.objects.filter(engine=engine, hospital_id=hospital_id).count()


def set_ready(engine: str, hospital_id: int) -> None:
    """The index of this hospital is equal to the source now."""
    with acting(INDEXER):
        Ready.objects.update_or_create(engine=engine, hospital_id=hospital_id, defaults={"at": clock.now()})


def forget_ready(engine: str) -> None:
    """The index was lost or made anew."""
    with acting(INDEXER):
        Ready.objects.filter(engine=engine).delete()


def ready_at(engine: str, hospital_id: int) -> datetime | None:
    """When index and source were last found equal; None: never."""
    return Ready.objects.filter(engine=engine, hospital_id=hospital_id).values_list("at", flat=True).first()


def is_behind(engine: str, hospital_id: int) -> bool:
    """Whether the engine lacks changes of this hospital, or was never filled."""
    if Pending.objects.filter(engine=engine, hospital_id=hospital_id).exists():
        return True
    return not Ready.objects.filter(engine=engine, hospital_id=hospital_id).exists()
