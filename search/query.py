"""One question, from the words typed to the answer shown.

Policy enters in one place, `allowed`: hits, totals, groups, facets and suggestions all come from questions that carry
it. What is shown is built afresh from the source and asked of policy once more.
"""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from core.audit.events import read_event
from core.kernel import clock
from core.kernel.context import acting
from core.kernel.errors import Unavailable
from core.policy.activation import enabled_plugins
from core.policy.decide import can
from core.policy.principal import Principal
from core.policy.tokens import Nothing, TokenFilter, token_filter
from core.policy.types import UnknownType
from core.resources.searchable import Document, searchable, searchables
from search import engines, highlight, normalise, notes
from search.engines.base import Ask, Engine, EngineFailed, Found, Hit, Term
from search.index import documents
from search.models import SearchLog

log = logging.getLogger(__name__)

#: Characters of a question that are read.
MAX_QUERY = 1600
#: A longer question is not looked for as it stands.
LONG = 60
MAX_TERMS = 12
PAGE = 20
#: Nobody turns more pages than this; a longer list needs a better question.
MAX_PAGES = 50
#: After a failure the production engine is left alone for so long, seconds.
REST = 10.0

DOWN = "检索服务暂时没有应答，结果由内置检索给出，范围和权限不变。"
BEHIND = "检索服务正在补齐最近的变化，结果由内置检索给出，范围和权限不变。"
BUILDING = "索引正在建立，结果可能不全，请稍后再查。"
ANY_LONG = "检索词较长，已改为包含部分词语即可，按相关程度排列。"
ANY_SCARCE = "没有找到完全符合的内容，已改为包含部分词语即可，按相关程度排列。"
CUT = f"检索词过长，只按前 {MAX_QUERY} 个字检索。"
EMPTY = "请输入要查找的文字，例如姓名、科室或文章里的词。"

_resting: dict[str, float] = {}


@dataclass(frozen=True)
class Choices:
    """What the person narrowed the result to."""

    type: str = ""
    department: str = ""
    state: str = ""
    since: date | None = None
    until: date | None = None

    def noted(self) -> dict[str, str]:
        """For the log: only what was chosen."""
        return {key: str(value) for key, value in vars(self).items() if value}


@dataclass(frozen=True)
class Question:
    """The words typed, read: terms that must all match, and what ranks when any may match."""

    text: str
    terms: tuple[Term, ...] = ()
    needles: tuple[str, ...] = ()
    grams: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    long: bool = False
    cut: bool = False


def search(
    principal: Principal, text: str, choices: Choices, *, page: int = 1, limit: int = PAGE
) -> dict[str, Any]:
    """The answer for the page, as the API gives it; the question is logged."""
    question = read(text)
    ask = _ask(principal, choices, offset=(page - 1) * limit, limit=limit)
    mode, found, engine, degraded = "all", Found(), engines.embedded().name, ""
    if question.terms:
        if not question.long:
            found, engine, degraded = _answer(replace(ask, terms=question.terms))
        if question.long or not found.wide:
            mode = "any"
            found, engine, degraded = _answer(replace(ask, grams=question.grams, words=question.words))
    shown, lost = _shown(principal, found.hits)
    total = max(found.total - lost, 0)
    _note(principal, "search", question, choices, mode, total, engine)
    notes_ = [EMPTY] if not question.terms else []
    notes_ += [CUT] if question.cut else []
    notes_ += [ANY_LONG if question.long else ANY_SCARCE] if mode == "any" else []
    ready = _facet_values(found)
    answer: dict[str, Any] = {
        "q": question.text,
        "mode": mode,
        "mode_note": "".join(notes_),
        "total": {"value": total, "capped": False},
        "groups": [
            {"type": key, "label": known.label, "count": count}
            for key, count in _most(found.types)
            if (known := searchable(key)) is not None
        ],
        "facets": ready,
        "hits": [_hit(document, question, mode) for document in shown],
        "next": page + 1 if page < MAX_PAGES and found.total > page * limit else None,
        "suggestions": _titles(principal, question) if page == 1 else [],
        "engine": engine,
    }
    return answer | ({"degraded": degraded} if degraded else {})


def suggest(principal: Principal, text: str, *, limit: int = 8) -> list[dict[str, str]]:
    """Things whose title, name or pinyin begins with or holds what was typed so far; logged."""
    question = read(text)
    shown: list[Document] = []
    engine = engines.embedded().name
    if question.terms and not question.long:
        engine, shown = _suggested(principal, question, limit)
    _note(principal, "suggest", question, Choices(), "all", len(shown), engine)
    return [
        {"label": normalise.plain(one.title), "type_label": _label(one.type), "href": one.href}
        for one in shown
    ]


def read(text: str) -> Question:
    """What was typed, made safe and split: spaces separate terms, everything else in a term stands side by side."""
    whole = normalise.plain(text).strip()
    kept = whole[:MAX_QUERY]
    folded = normalise.fold(kept)
    pieces = [piece for piece in dict.fromkeys(folded.split()) if normalise.grams(piece)]
    grams = tuple(one for one in normalise.grams(folded) if len(one) > 1 or one.isascii())
    words = tuple(normalise.words(folded))
    return Question(
        text=kept,
        terms=tuple(_term(piece) for piece in pieces[:MAX_TERMS]),
        needles=tuple(pieces),
        grams=grams,
        words=words,
        long=len(folded) > LONG or len(pieces) > MAX_TERMS,
        cut=len(whole) > MAX_QUERY,
    )


def allowed(principal: Principal) -> dict[str, TokenFilter]:
    """The one place where policy enters: the types this person may find at all, each with its filter."""
    on = enabled_plugins(principal.hospital_id)
    found: dict[str, TokenFilter] = {}
    for type_key, known in searchables().items():
        if known.plugin not in on:
            continue
        try:
            filtered = token_filter(principal, "view", type_key)
        except UnknownType:
            continue
        if not isinstance(filtered, Nothing):
            found[type_key] = filtered
    return found


def _ask(principal: Principal, choices: Choices, *, offset: int, limit: int) -> Ask:
    return Ask(
        hospital_id=principal.hospital_id,
        allowed=allowed(principal),
        type=choices.type,
        department=choices.department,
        state=choices.state,
        since=choices.since.isoformat() if choices.since else "",
        until=choices.until.isoformat() if choices.until else "",
        offset=offset,
        limit=limit,
    )


def _answer(ask: Ask) -> tuple[Found, str, str]:
    """What was found, by which engine, and what the person should know of it. Raises Unavailable."""
    main, spare, said = engines.elasticsearch(), engines.embedded(), ""
    if main is not None:
        said = _why_not(main, ask)
        if not said:
            try:
                return main.search(ask), main.name, ""
            except EngineFailed as error:
                log.warning("search falls back to the embedded engine: %s", error)
                _resting[main.name] = time.monotonic() + REST
                said = DOWN
    try:
        found = spare.search(ask)
    except EngineFailed as error:
        log.error("search: %s", error)
        raise Unavailable("检索暂时不可用，请稍后再试。") from None
    if not said and notes.ready_at(spare.name, ask.hospital_id) is None:
        said = BUILDING
    return found, spare.name, said


def _why_not(engine: Engine, ask: Ask) -> str:
    if _resting.get(engine.name, 0) > time.monotonic():
        return DOWN
    return BEHIND if notes.is_behind(engine.name, ask.hospital_id) else ""


def _shown(principal: Principal, hits: Sequence[Hit]) -> tuple[list[Document], int]:
    """The hits' documents, fresh from the source and asked of policy again; and how many fell out."""
    fresh: dict[str, Document] = {}
    for type_key in {hit.type for hit in hits}:
        known = searchable(type_key)
        uids = [hit.uid for hit in hits if hit.type == type_key]
        built = documents(known, uids, principal.hospital) if known and principal.hospital else []
        fresh |= {document.key: document for document in built if _may_see(principal, document)}
    shown = [fresh[hit.key] for hit in hits if hit.key in fresh]
    for type_key, count in Counter(one.type for one in shown if one.class_from >= 3).items():
        read_event(principal, type_key, "*", f"检索结果，{count} 项")
    return shown, len(hits) - len(shown)


def _may_see(principal: Principal, document: Document) -> bool:
    verdict = can(principal, "view", document.type, dict(document.asked))
    return verdict.allowed and document.class_from <= verdict.max_class <= document.class_to


def _suggested(principal: Principal, question: Question, limit: int) -> tuple[str, list[Document]]:
    terms = tuple(replace(term, prefix=True) for term in question.terms)
    ask = replace(_ask(principal, Choices(), offset=0, limit=limit), terms=terms, only_titles=True)
    found, engine, _ = _answer(ask)
    return engine, _shown(principal, found.hits)[0]


def _titles(principal: Principal, question: Question) -> list[str]:
    if not question.terms or question.long:
        return []
    shown = _suggested(principal, question, 5)[1]
    titles = dict.fromkeys(normalise.plain(one.title) for one in shown)
    return [title for title in titles if normalise.fold(title) != normalise.fold(question.text)]


def _term(piece: str) -> Term:
    grams, prefix = normalise.phrase(piece)
    return Term(tuple(grams), prefix, piece if piece.isascii() and piece.isalpha() else "")


def _hit(document: Document, question: Question, mode: str) -> dict[str, Any]:
    whole = mode == "any"
    needles = [one for one in question.words if len(one) > 1] if whole else list(question.needles)
    if not whole:  # marks between the characters of a term are not in the text as typed
        needles += [run.text for one in question.needles for run in normalise.runs(one) if len(run.text) > 1]
    facts = [("科室", document.department), ("状态", document.state_label), ("", document.hint)]
    return {
        "type": document.type,
        "type_label": _label(document.type),
        "uid": document.uid,
        "title_html": highlight.title(document.title, needles, whole_words=whole),
        "snippet_html": highlight.snippet(document.body, needles, whole_words=whole),
        "href": document.href,
        "date": document.date.isoformat() if document.date else None,
        "facts": [{"label": label, "value": normalise.plain(value)} for label, value in facts if value],
    }


def _facet_values(found: Found) -> list[dict[str, Any]]:
    facets = []
    for key, label, counted in (("department", "科室", found.departments), ("state", "状态", found.states)):
        values = [{"value": v, "label": v, "count": n} for v, n in _most(counted) if v]
        if values:
            facets.append({"key": key, "label": label, "values": values[:30]})
    return facets


def _most(counted: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))


def _label(type_key: str) -> str:
    known = searchable(type_key)
    return known.label if known else type_key


def _note(
    principal: Principal, kind: str, question: Question, choices: Choices, mode: str, hits: int, engine: str
) -> None:
    """Who asked what: one row, in a transaction of its own."""
    with acting(principal.actor):
        SearchLog.unscoped.create(
            hospital_id=principal.hospital_id,
            kind=kind,
            actor=principal.user_uid or "visitor",
            actor_label=principal.label,
            query=question.text[:500],
            filters={key: normalise.plain(value)[:200] for key, value in choices.noted().items()},
            mode=mode,
            hits=hits,
            engine=engine,
            at=clock.now(),
        )
