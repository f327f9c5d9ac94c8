"""The engines: one protocol, two ways to keep and ask the index; and which of them this installation has."""

import hashlib
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from search.engines.base import Engine
from search.engines.elasticsearch import ElasticsearchEngine
from search.engines.embedded import EmbeddedEngine

#: Seconds of patience while quality is measured: a busy machine must not change the figures.
MEASURING = 60.0
#: Raised with every change of the mapping: the new index is filled anew, beside the old one.
MAPPING = 1


def embedded() -> EmbeddedEngine:
    """The engine that is always there: the only one, or kept warm as the fallback."""
    return _embedded(Path(settings.HOME) / "search.db")


def elasticsearch() -> ElasticsearchEngine | None:
    """The production engine, where QINGLIAN_SEARCH_URL names a server."""
    return _elasticsearch(settings.SEARCH_URL, _index_name()) if settings.SEARCH_URL else None


def engines() -> list[Engine]:
    """All engines that must be kept up to date."""
    found = elasticsearch()
    return [embedded(), *([found] if found else [])]


def _index_name() -> str:
    """One server may serve several installations: the index bears a mark of this one's key."""
    mark = hashlib.blake2b(settings.SECRET_KEY.encode(), digest_size=6, person=b"search").hexdigest()
    return f"qinglian-{mark}-{MAPPING}"


@lru_cache
def _embedded(path: Path) -> EmbeddedEngine:
    return EmbeddedEngine(path, MEASURING) if settings.SEARCH_CORPUS else EmbeddedEngine(path)


@lru_cache
def _elasticsearch(url: str, index: str) -> ElasticsearchEngine:
    if settings.SEARCH_CORPUS:
        return ElasticsearchEngine(url, index, MEASURING)
    return ElasticsearchEngine(url, index)
