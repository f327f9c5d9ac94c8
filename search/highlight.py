"""Titles and snippets with the words found marked: escaped text and <mark>, nothing else."""

from collections.abc import Iterable
from html import escape
from itertools import pairwise

from search import normalise

#: Characters of a snippet.
LENGTH = 120
Span = tuple[int, int]


def title(text: str, needles: Iterable[str], *, whole_words: bool) -> str:
    """The title with what was found marked."""
    text = normalise.plain(text)
    return _marked(text, _spans(text, needles, whole_words), 0, len(text))


def snippet(text: str, needles: Iterable[str], *, whole_words: bool) -> str:
    """The part of the text with most of what was found, marked; its beginning when nothing was found in it."""
    text = " ".join(normalise.plain(text).split())
    spans = _spans(text, needles, whole_words)
    start = 0
    if spans and spans[-1][1] > LENGTH:
        best = max(spans, key=lambda span: (_within(spans, span[0]), -span[0]))
        start = max(0, best[0] - LENGTH // 6)
    end = min(len(text), start + LENGTH)
    end = next((b for a, b in spans if a < end < b), end)  # never cut a marked word
    start = next((a for a, b in spans if a < start < b), start)
    shown = _marked(text, spans, start, end)
    return ("…" if start else "") + shown + ("…" if end < len(text) else "")


def _within(spans: list[Span], start: int) -> int:
    return sum(1 for a, b in spans if start <= a and b <= start + LENGTH)


def _spans(text: str, needles: Iterable[str], whole_words: bool) -> list[Span]:
    """Places in `text`, in order, not overlapping. `needles` are folded."""
    folded, places = normalise.fold_with_places(text)
    wanted = [needle for needle in dict.fromkeys(needles) if needle]
    found = _words(folded, set(wanted)) if whole_words else []
    for needle in [] if whole_words else wanted:
        found += _occurrences(folded, needle)
    joined: list[Span] = []
    for start, end in sorted(found):
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return [(places[start], places[end - 1] + 1) for start, end in joined]


def _occurrences(folded: str, needle: str) -> list[Span]:
    """Where the needle stands; letters and digits only as whole words."""
    found, at = [], folded.find(needle)
    while at >= 0:
        end = at + len(needle)
        if not (_inside(folded, at) or _inside(folded, end)):
            found.append((at, end))
        at = folded.find(needle, end)
    return found


def _inside(folded: str, at: int) -> bool:
    """Whether the place cuts a run of letters or digits in two."""
    pair = folded[max(at - 1, 0) : at + 1] if 0 < at < len(folded) else ""
    return len(pair) == 2 and [run.han for run in normalise.runs(pair)] == [False] and _joined(pair)


def _joined(pair: str) -> bool:
    return len(normalise.runs(pair)[0].text) == 2


def _words(folded: str, wanted: set[str]) -> list[Span]:
    found: list[Span] = []
    for run in normalise.runs(folded):
        at = run.start
        for word in normalise.words(run.text):
            if word in wanted:
                found.append((at, at + len(word)))
            at += len(word)
    return found


def _marked(text: str, spans: list[Span], start: int, end: int) -> str:
    kept = [(max(a, start), min(b, end)) for a, b in spans if a < end and b > start]
    edges = [start, *(edge for span in kept for edge in span), end]
    parts = []
    for number, (a, b) in enumerate(pairwise(edges)):
        piece = escape(text[a:b])
        parts.append(f"<mark>{piece}</mark>" if number % 2 and piece else piece)
    return "".join(parts)
