"""Telling rooms above that the organisation changed: search, seats of administrators, notices register here.

A listener runs inside the writer's transaction; a `Problem` it raises undoes the write.
"""

from collections.abc import Callable, Iterable
from typing import Any

#: (type key such as "org.person", uids, hospital: a Hospital or anything with an `id`)
Listener = Callable[[str, list[str], Any], None]

_listeners: dict[str, Listener] = {}


def listen(name: str, listener: Listener) -> None:
    """Be told of every write of this room under `name`; the same name again replaces it."""
    _listeners[name] = listener


def forget(name: str) -> None:
    """Stop listening: for tests."""
    _listeners.pop(name, None)


def tell(type_key: str, uids: Iterable[Any], hospital: Any) -> None:
    """Say that these things were made, changed or removed. Whoever writes rows of this room in bulk calls it too."""
    wanted = list(dict.fromkeys(str(uid) for uid in uids))
    if wanted:
        for listener in list(_listeners.values()):
            listener(type_key, wanted, hospital)
