"""The production engine: Elasticsearch through `elasticsearch.dsl`.

Text arrives as token streams made in Python and is split at spaces here, so that both engines share one
normalisation and the server needs no analysis plugin. Whatever it answers is checked before it is believed.
"""

import json
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from elasticsearch import Elasticsearch, helpers
from elasticsearch.dsl import A, Index, Mapping, Q, Search
from elasticsearch.exceptions import ApiError, NotFoundError, TransportError

from core.policy.tokens import Every, Everything, ForClass, Has, No, Nothing, Some, TokenFilter
from search.engines.base import Ask, EngineFailed, Entry, Found, Hit, Term

#: A person waits for a question this long at most, seconds; then the embedded engine answers.
PATIENCE = 1.5
#: A batch of documents may take longer: nobody waits for it.
WRITE_PATIENCE = 20
BATCH = 200
#: Values of a facet that are counted.
FACET_SIZE = 100
#: How much more a term in a title weighs than one in text.
_TITLE = 1.5
_KEYWORDS = ("type", "uid", "tokens", "department", "state", "stamp")
_TEXTS = ("title_grams", "grams", "pinyin", "all_grams", "all_words")


class ElasticsearchEngine:
    """One index `index` on the server at `url`."""

    name = "elasticsearch"

    def __init__(self, url: str, index: str, patience: float = PATIENCE) -> None:
        self.index = index
        self._patience = patience
        self._asking = Elasticsearch(url, request_timeout=patience, max_retries=0, retry_on_timeout=False)
        self._writing = Elasticsearch(url, request_timeout=WRITE_PATIENCE, max_retries=1)

    def search(self, ask: Ask) -> Found:
        """As the protocol says."""
        policy = _allowed(ask)
        wanted = _wanted(ask)
        if policy is None or wanted is None:
            return Found()
        within = [Q("term", hospital=ask.hospital_id), policy]
        if ask.since or ask.until:
            bounds = {"gte": ask.since} if ask.since else {}
            within.append(Q("range", date=bounds | ({"lte": ask.until} if ask.until else {})))
        chosen = {name: Q("term", **{name: value}) for name in _FACETS if (value := getattr(ask, name))}
        search = Search(using=self._asking, index=self.index).query(Q("bool", must=[wanted], filter=within))
        search = search.source(["key", "type", "uid", "hospital"]).sort("_score", "key")
        search = search.extra(track_total_hits=True, timeout=f"{int(self._patience * 900)}ms")[
            ask.offset : ask.offset + ask.limit
        ]
        if chosen:
            search = search.post_filter(Q("bool", filter=list(chosen.values())))
        search.aggs.bucket("wide", A("filter", match_all={}))
        for name in _FACETS:
            others = [found for key, found in chosen.items() if key != name]
            search.aggs.bucket(name, A("filter", bool={"filter": [f.to_dict() for f in others]})).bucket(
                "values", A("terms", field=name, size=FACET_SIZE)
            )
        try:
            answer = search.execute().to_dict()
            return _read(answer, ask)
        except (ApiError, TransportError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise EngineFailed(f"elasticsearch: {type(error).__name__}") from error

    def replace(
        self, type_key: str, hospital_id: int, uids: Sequence[str], entries: Iterable[Entry], seq: int
    ) -> None:
        """As the protocol says: an index writes by external version, which only grows."""
        found = list(entries)
        now = {entry.key for entry in found}
        gone = set(self.stamps(type_key, hospital_id, uids)) - now
        actions: list[dict[str, Any]] = [
            {"_op_type": "delete", "_id": key, "version": seq, "version_type": "external_gte"} for key in gone
        ]
        actions += [
            {
                "_op_type": "index",
                "_id": entry.key,
                "version": seq,
                "version_type": "external_gte",
                "_source": _source(entry),
            }
            for entry in found
        ]
        try:
            for good, told in helpers.streaming_bulk(
                self._writing, actions, index=self.index, chunk_size=BATCH, raise_on_error=False
            ):
                status = next(iter(told.values())).get("status")
                if not good and status not in (404, 409):  # gone already, or a newer one is there
                    raise EngineFailed(f"elasticsearch: bulk status {status}")
            self._writing.indices.refresh(index=self.index)
        except (ApiError, TransportError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise EngineFailed(f"elasticsearch: {type(error).__name__}") from error

    def stamps(self, type_key: str, hospital_id: int, uids: Sequence[str] | None = None) -> dict[str, str]:
        """As the protocol says."""
        return {row["key"]: row["stamp"] for row in self._scan(type_key, hospital_id, uids, ["key", "stamp"])}

    def uids(self, type_key: str, hospital_id: int) -> list[str]:
        """As the protocol says."""
        return sorted({row["uid"] for row in self._scan(type_key, hospital_id, None, ["uid"])})

    def drop_types(self, hospital_id: int, kept: Iterable[str]) -> None:
        """As the protocol says."""
        for type_key in sorted(set(self.count(hospital_id)) - set(kept)):
            self.replace(type_key, hospital_id, self.uids(type_key, hospital_id), [], time.time_ns())

    def count(self, hospital_id: int) -> dict[str, int]:
        """As the protocol says."""
        search = Search(using=self._writing, index=self.index).filter("term", hospital=hospital_id)[0:0]
        search.aggs.bucket("types", A("terms", field="type", size=1000))
        try:
            answer = search.execute().to_dict()
            return {one["key"]: one["doc_count"] for one in answer["aggregations"]["types"]["buckets"]}
        except (ApiError, TransportError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise EngineFailed(f"elasticsearch: {type(error).__name__}") from error

    def clear(self) -> None:
        """As the protocol says."""
        self.drop()
        self.ensure()

    def drop(self) -> None:
        """As the protocol says."""
        try:
            self._index().delete(ignore_unavailable=True)
        except (ApiError, TransportError) as error:
            raise EngineFailed(f"elasticsearch: {type(error).__name__}") from error

    def ensure(self) -> bool:
        """Make the index when it is absent; whether it was absent."""
        try:
            if self._index().exists():
                return False
            self._index().create()
            self._writing.cluster.health(index=self.index, wait_for_status="yellow", timeout="15s")
            return True
        except (ApiError, TransportError) as error:
            raise EngineFailed(f"elasticsearch: {type(error).__name__}") from error

    def close(self) -> None:
        """Close the connections."""
        self._asking.close()
        self._writing.close()

    def _index(self) -> Index:
        index = Index(self.index, using=self._writing)
        index.settings(number_of_shards=1, auto_expand_replicas="0-1", refresh_interval="1s")
        mapping = Mapping()
        mapping.meta("dynamic", "strict")
        mapping.meta("_source", {"excludes": list(_TEXTS)})
        mapping.field("key", "keyword").field("hospital", "long").field("date", "date", format="yyyy-MM-dd")
        mapping.field("class_from", "byte").field("class_to", "byte")
        for name in _KEYWORDS:
            mapping.field(name, "keyword")
        for name in _TEXTS:
            mapping.field(name, "text", analyzer="whitespace")
        index.mapping(mapping)
        return index

    def _scan(
        self, type_key: str, hospital_id: int, uids: Sequence[str] | None, fields: list[str]
    ) -> Iterable[dict[str, Any]]:
        search = Search(using=self._writing, index=self.index).filter("term", hospital=hospital_id)
        search = search.filter("term", type=type_key).source(list[Any](fields))
        if uids is not None:
            search = search.filter("terms", uid=list(uids))
        try:
            for row in search.params(size=1000).scan():
                yield row.to_dict()
        except NotFoundError as error:
            raise EngineFailed("elasticsearch: no index") from error
        except (ApiError, TransportError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise EngineFailed(f"elasticsearch: {type(error).__name__}") from error


_FACETS = ("type", "department", "state")


def _source(entry: Entry) -> dict[str, Any]:
    return {
        "key": entry.key,
        "type": entry.type,
        "uid": entry.uid,
        "hospital": entry.hospital_id,
        "class_from": entry.class_from,
        "class_to": entry.class_to,
        "tokens": list(entry.tokens),
        "department": entry.department,
        "state": entry.state,
        "stamp": entry.stamp,
        **({"date": entry.date} if entry.date else {}),
        "title_grams": entry.title_grams,
        "grams": entry.grams,
        "pinyin": entry.pinyin,
        # ranking looks at a document as one text whose title stands twice, as the embedded engine does
        "all_grams": f"{entry.title_grams} {entry.title_grams} {entry.grams}",
        "all_words": f"{entry.title_words} {entry.title_words} {entry.words}",
    }


def _wanted(ask: Ask) -> Any | None:
    if ask.terms:
        return Q("bool", must=[_term(term, ask.only_titles) for term in ask.terms])
    asked = (("all_grams", ask.grams), ("all_words", ask.words))
    # repeated tokens stay repeated: each adds to the score
    parts = [Q("match", **{field: {"query": " ".join(text)}}) for field, text in asked if text]
    return Q("bool", should=parts, minimum_should_match=1) if parts else None


def _term(term: Term, only_titles: bool) -> Any:
    kind = "match_phrase_prefix" if term.prefix else "match_phrase"
    text, more = " ".join(term.grams), {"max_expansions": 5000} if term.prefix else {}
    fields = ("title_grams",) if only_titles else ("title_grams", "grams")
    parts = [
        Q(kind, **{field: {"query": text, "boost": _TITLE if field == "title_grams" else 1.0, **more}})
        for field in fields
    ]
    if term.pinyin:
        parts.append(Q("prefix" if only_titles else "term", pinyin={"value": term.pinyin}))
    return Q("bool", should=parts, minimum_should_match=1)


def _allowed(ask: Ask) -> Any | None:
    parts = []
    for type_key, found in sorted(ask.allowed.items()):
        if not isinstance(found, Nothing):
            parts.append(Q("bool", filter=[Q("term", type=type_key), _query(found)]))
    return Q("bool", should=parts, minimum_should_match=1) if parts else None


def _query(node: TokenFilter) -> Any:
    match node:
        case Everything():
            return Q("match_all")
        case Nothing():
            return Q("match_none")
        case Has(tokens):
            return Q("terms", tokens=sorted(tokens))
        case ForClass(level):
            return Q(
                "bool", filter=[Q("range", class_from={"lte": level}), Q("range", class_to={"gte": level})]
            )
        case No(part):
            return Q("bool", must_not=[_query(part)])
        case Every(parts):
            return Q("bool", filter=[_query(part) for part in parts])
        case Some(parts):
            return Q("bool", should=[_query(part) for part in parts], minimum_should_match=1)


def _read(answer: dict[str, Any], ask: Ask) -> Found:
    """Believe the answer only if it is whole and lies within what was asked. Raises ValueError and its kin."""
    if answer["timed_out"] is not False or answer["_shards"]["failed"] != 0:
        raise ValueError("not the whole answer")
    total = answer["hits"]["total"]["value"]
    rows = [row["_source"] for row in answer["hits"]["hits"]]
    if not isinstance(total, int) or total < len(rows) or len(rows) > ask.limit:
        raise ValueError("counts that cannot be")
    hits = [Hit(str(row["key"]), str(row["type"]), str(row["uid"])) for row in rows]
    for row in rows:
        if row["hospital"] != ask.hospital_id or row["type"] not in ask.allowed:
            raise ValueError("outside of what was asked")
    wide = answer["aggregations"]["wide"]["doc_count"]
    if not isinstance(wide, int) or wide < total:
        raise ValueError("counts that cannot be")
    found = Found(total, wide, hits)
    for name, counted in (("type", found.types), ("department", found.departments), ("state", found.states)):
        _count(counted, answer["aggregations"][name]["values"]["buckets"])
    if set(found.types) - set(ask.allowed):
        raise ValueError("types outside of what was asked")
    return found


def _count(counted: Counter[str], buckets: list[dict[str, Any]]) -> None:
    for bucket in buckets:
        if not isinstance(bucket["doc_count"], int):
            raise TypeError(json.dumps(bucket)[:80])
        if bucket["key"] and bucket["doc_count"]:
            counted[str(bucket["key"])] = bucket["doc_count"]
