"""Filling the index: documents become entries, changes are followed, source and index are compared."""

import json
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from hashlib import blake2b
from itertools import islice
from typing import Any

from core.kernel.context import hospital_scope
from core.org.models import Hospital
from core.resources.searchable import BATCH, Document, Searchable, searchable, searchables
from search import normalise, notes
from search.engines.base import Engine, EngineFailed, Entry

log = logging.getLogger(__name__)

#: Between parts of a document, so that no phrase spans two of them.
_BAR = "|"
#: Longer bodies are cut, characters.
MAX_BODY = 100_000


def entry_of(document: Document) -> Entry:
    """The normalised form that engines keep."""
    title = normalise.fold(document.title)
    rest = [
        *document.names,
        *document.organisations,
        *document.codes,
        document.hint,
        document.body[:MAX_BODY],
    ]
    folded = [normalise.fold(part) for part in rest if part]
    letters = [document.title, *document.names, *document.organisations]
    return Entry(
        key=document.key,
        type=document.type,
        uid=document.uid,
        hospital_id=document.hospital_id,
        class_from=document.class_from,
        class_to=document.class_to,
        tokens=tuple(document.tokens),
        department=normalise.plain(document.department),
        state=normalise.plain(document.state_label or document.state),
        date=document.date.isoformat() if document.date else "",
        stamp=stamp(document),
        title_grams=" ".join(normalise.grams(title)),
        title_words=" ".join(normalise.words(title)),
        grams=f" {_BAR} ".join(" ".join(normalise.grams(part)) for part in folded),
        words=f" {_BAR} ".join(" ".join(normalise.words(part)) for part in folded),
        pinyin=" ".join(dict.fromkeys(one for text in letters for one in normalise.pinyin(text))),
    )


def stamp(document: Document) -> str:
    """A hash over all of the document: equal while nothing changed."""
    whole = {item.name: getattr(document, item.name) for item in fields(document)}
    text = json.dumps(whole, ensure_ascii=True, sort_keys=True, default=str)
    return blake2b(text.encode(), digest_size=16).hexdigest()


def documents(found: Searchable, uids: Sequence[str], hospital: Any) -> list[Document]:
    """Fresh documents from the source, of this type and hospital and these things alone."""
    asked = set(uids)
    with hospital_scope(hospital):
        built = found.build(list(uids))
    return [
        document
        for document in built
        if document.type == found.type and document.hospital_id == hospital.id and document.uid in asked
    ]


def follow(engine: Engine, type_key: str, uids: Sequence[str], hospital: Any) -> None:
    """Bring these things up to date in one engine. Raises EngineFailed."""
    found = searchable(type_key)
    for batch in _slices(iter(uids), BATCH):
        seq = time.time_ns()  # taken before the source is read: who reads later, wins
        built = documents(found, batch, hospital) if found else []
        engine.replace(type_key, hospital.id, batch, [entry_of(document) for document in built], seq)


def changed(type_key: str, uids: Sequence[str], hospital: Any, engine: Engine) -> None:
    """A change was committed. What an engine could not take is noted, and caught up later."""
    try:
        follow(engine, type_key, uids, hospital)
    except EngineFailed as error:
        log.warning("%s did not take %d changes: %s", engine.name, len(uids), error)
        notes.add_pending(engine.name, hospital.id, type_key, uids)


def catch_up(engine: Engine) -> int:
    """Hand in what the engine could not take; how many things. Raises EngineFailed when it still cannot."""
    done = 0
    while waiting := notes.pending(engine.name, BATCH):
        for hospital_id, type_key in sorted({(h, t) for h, t, _ in waiting}):
            uids = [uid for h, t, uid in waiting if (h, t) == (hospital_id, type_key)]
            hospital = Hospital.objects.filter(pk=hospital_id).first()
            if hospital is not None:
                follow(engine, type_key, uids, hospital)
            notes.done_pending(engine.name, hospital_id, type_key, uids)
            done += len(uids)
    return done


def reconcile(
    hospital: Any,
    engine: Engine,
    *,
    progress: Callable[[int, str], None] = lambda done, note: None,
    saved: dict[str, Any] | None = None,
    save: Callable[[dict[str, Any]], None] = lambda place: None,
    whole: bool = False,
) -> dict[str, int]:
    """Compare source and index of a hospital, batch by batch, and repair what differs. Resumes from `saved`.

    `whole` writes every document anew, changed or not. Raises EngineFailed.
    """
    place = {"type": "", "after": "", "checked": 0, "repaired": 0, "removed": 0, **(saved or {})}
    for type_key, found in sorted(searchables().items()):
        if type_key < place["type"]:
            continue
        if type_key != place["type"]:
            place |= {"type": type_key, "after": ""}
        with hospital_scope(hospital):
            known = sorted({str(uid) for uid in found.all_uids(hospital)})
        for batch in _slices((uid for uid in known if uid > place["after"]), BATCH):
            place["repaired"] += _compare(engine, found, batch, hospital, whole)
            place |= {"after": batch[-1], "checked": place["checked"] + len(batch)}
            progress(place["checked"], f"{found.label}：已核对 {place['checked']} 项")
            save(dict(place))
        gone = sorted(set(engine.uids(type_key, hospital.id)) - set(known))
        for batch in _slices(iter(gone), BATCH):
            follow(engine, type_key, batch, hospital)  # asks the source again: it may have come since
            place["removed"] += len(batch)
    engine.drop_types(hospital.id, searchables())
    notes.set_ready(engine.name, hospital.id)
    return {key: place[key] for key in ("checked", "repaired", "removed")}


def _compare(engine: Engine, found: Searchable, batch: list[str], hospital: Any, whole: bool) -> int:
    seq = time.time_ns()
    built = documents(found, batch, hospital)
    fresh = {document.key: stamp(document) for document in built}
    kept = {} if whole else engine.stamps(found.type, hospital.id, batch)
    differ = {key for key in fresh.keys() | kept.keys() if fresh.get(key) != kept.get(key)}
    wrong = {key.split(":", 1)[1].rsplit(":", 1)[0] for key in differ}
    todo = [uid for uid in batch if uid in wrong]
    if todo:
        entries = [entry_of(document) for document in built if document.uid in wrong]
        engine.replace(found.type, hospital.id, todo, entries, seq)
    return len(todo)


def _slices(items: Iterator[str], size: int) -> Iterator[list[str]]:
    while batch := list(islice(items, size)):
        yield batch


__all__ = ["catch_up", "changed", "documents", "entry_of", "follow", "reconcile", "stamp"]
