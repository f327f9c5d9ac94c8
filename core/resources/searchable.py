"""What can be found by search: a type registers how its things become documents, and says when one has changed.

Whoever fills and asks the index registers nowhere here: it hears `search.changed` from the outbox and asks this
registry for the documents, so that the index is always built from what is committed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from core.policy.activation import CORE
from core.policy.tokens import TOP_CLASS, tokens_of
from core.policy.types import OBJECT

#: The outbox event: {"type": key, "uids": [...]}, at most BATCH uids each.
CHANGED = "search.changed"
BATCH = 500


@dataclass(frozen=True, kw_only=True)
class Document:
    """One thing as search knows it. All text is as people read it; the index normalises.

    `attrs` are the policy attributes of the thing (those its TypePolicy names); they become the tokens that search
    filters by. A thing with a sensitive part is two documents: one for `class_to` 2 without it, one for `class_from`
    3 with it; a person sees exactly one. `names` and `organisations` are also found by pinyin, as the title is.
    """

    type: str
    uid: str
    hospital_id: int
    title: str
    href: str
    body: str = ""
    names: tuple[str, ...] = ()
    organisations: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    date: "date | None" = None
    campus: str = ""
    department: str = ""
    state: str = ""
    state_label: str = ""
    attrs: Mapping[str, Any] = field(default_factory=dict)
    class_from: int = 1
    class_to: int = TOP_CLASS
    hint: str = ""

    @property
    def key(self) -> str:
        """The document's own name in the index: a thing's two documents differ by their class."""
        return f"{self.type}:{self.uid}:{self.class_from}"

    @property
    def tokens(self) -> list[str]:
        """What policy filters by."""
        return tokens_of(self.type, self.asked)

    @property
    def asked(self) -> Mapping[str, Any]:
        """The attributes that policy is asked of: those given, and the thing's own uid, which a recusal may name."""
        return {OBJECT: self.uid, **self.attrs}


Build = Callable[[list[str]], list[Document]]
AllUids = Callable[[Any], Iterable[str]]


@dataclass(frozen=True)
class Searchable:
    """A type that search knows. `build` runs with the hospital in context and leaves out what is gone."""

    type: str
    label: str
    build: Build
    all_uids: AllUids
    plugin: str = CORE


_known: dict[str, Searchable] = {}


def register_searchable(
    type_key: str, *, label: str, build: Build, all_uids: AllUids, plugin: str | None = None
) -> Searchable:
    """Make a type findable; the same key again replaces it.

    `type_key` is the policy type, and the resource's key where there is one: the gateway touches by it after every
    command. `build(uids)` gives the documents of these things of the hospital in context; `all_uids(hospital)` all
    of that hospital's, for the daily comparison.
    """
    found = Searchable(type_key, label, build, all_uids, plugin or CORE)
    _known[type_key] = found
    return found


def searchables() -> dict[str, Searchable]:
    """All findable types by key."""
    return dict(_known)


def searchable(type_key: str) -> Searchable | None:
    """The findable type of that key, or None."""
    return _known.get(type_key)


def forget(type_key: str) -> None:
    """Take a type out again: for tests."""
    _known.pop(type_key, None)


def touch(type_key: str, uids: Iterable[Any], *, hospital: Any) -> None:
    """Say that these things were made, changed or removed. Part of the caller's transaction; needs its actor.

    A type that search does not know is passed over. `hospital` has an `id` (a Hospital or a HospitalRef).
    """
    from core.jobs import domain  # found on first use, as the ports are

    if type_key not in _known:
        return
    for batch in batches(list(dict.fromkeys(str(uid) for uid in uids)), BATCH):
        domain.emit(CHANGED, {"type": type_key, "uids": list(batch)}, hospital=hospital)


def batches(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """The items in slices of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
