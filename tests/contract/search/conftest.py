"""Both engines, empty, and a type whose things become entries."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.policy.tokens import Everything
from core.policy.types import TypePolicy
from core.resources.searchable import Document
from core.testing.probe import registered
from search.engines.base import Ask, Engine, Found
from search.engines.elasticsearch import ElasticsearchEngine
from search.engines.embedded import EmbeddedEngine
from search.index import entry_of
from search.query import read

KIND, OTHER = "probe.thing", "probe.other"
ATTRS = {"department": "department", "campus": "campus", "person": "person", "state": "state"}
ENGINES = ["embedded", pytest.param("elasticsearch", marks=pytest.mark.elasticsearch)]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty index."""
    if request.param == "embedded":
        found: Any = EmbeddedEngine(tmp_path / "search.db")
    else:
        found = ElasticsearchEngine(os.environ["QINGLIAN_SEARCH_URL"], f"contract-{os.getpid()}")
        found.drop()
        found.ensure()
    with registered(TypePolicy(KIND, "样品", 1, ATTRS)), registered(TypePolicy(OTHER, "其他", 1, ATTRS)):
        yield found
    if request.param == "elasticsearch":
        found.drop()
    found.close()


def document(uid: str, title: str, body: str = "", **more: Any) -> Document:
    """A document of hospital 1."""
    given = {"type": KIND, "hospital_id": 1, "href": f"/{uid}", **more}
    return Document(uid=uid, title=title, body=body, **given)


@pytest.fixture
def put(engine: Engine) -> Callable[..., None]:
    """Write documents."""

    def write(*documents: Document, seq: int = 0) -> None:
        places = {(one.type, one.hospital_id) for one in documents}
        for kind, hospital in sorted(places):
            mine = [one for one in documents if (one.type, one.hospital_id) == (kind, hospital)]
            uids = list(dict.fromkeys(one.uid for one in mine))
            engine.replace(kind, hospital, uids, [entry_of(one) for one in mine], seq or time.time_ns())

    return write


@pytest.fixture
def find(engine: Engine) -> Callable[..., Found]:
    """Ask as the query module does: all terms, or any with `any_=True`."""

    def ask(text: str, *, any_: bool = False, **more: Any) -> Found:
        question = read(text)
        given = {"hospital_id": 1, "allowed": {KIND: Everything(), OTHER: Everything()}, "limit": 100, **more}
        words = {"grams": question.grams, "words": question.words} if any_ else {"terms": question.terms}
        return engine.search(Ask(**given, **words))

    return ask


def uids(found: Found) -> list[str]:
    """Which things, in order."""
    return [hit.uid for hit in found.hits]
