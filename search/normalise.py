"""One normalisation for both engines: NFKC, lower case, simplified characters; then grams, words and pinyin.

*Grams* decide whether a document matches. A run of Chinese becomes its character pairs and, at its end, the last
character alone (王小明 → 王小 小明 明); letters and digits stay whole. So any piece of text is found as a phrase of
adjacent grams, exactly where it stands and nowhere else: the lone character ends each run, and a single character is
a prefix. *Words* (rjieba) rank beside them. *Pinyin* is made of names and titles only, never of text.
"""

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

#: A run of Chinese characters, or one of letters and digits of any other script.
_RUN = re.compile(
    r"(?P<han>[\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+)"
    r"|(?P<other>(?:(?![\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])[^\W_])+)"
)
#: Longer runs of letters are cut: engines limit the length of a term.
MAX_TERM = 100
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


class Run(NamedTuple):
    """A stretch of one script with its place in the normalised text."""

    text: str
    start: int
    han: bool


def plain(text: str) -> str:
    """The text without control characters and half characters: safe for every store and answer."""
    return _UNSAFE.sub(" ", text)


def fold(text: str) -> str:
    """NFKC, lower case, traditional characters as simplified ones."""
    return _simplified(unicodedata.normalize("NFKC", plain(text)).lower())


def fold_with_places(text: str) -> tuple[str, list[int]]:
    """As `fold`, one character at a time, and for each character of it the place in `text` it came from."""
    folded: list[str] = []
    places: list[int] = []
    safe = plain(text)
    whole = _simplified(safe)
    source = whole if len(whole) == len(safe) else safe
    for place, mark in enumerate(source):
        for piece in unicodedata.normalize("NFKC", mark).lower():
            folded.append(piece)
            places.append(place)
    return "".join(folded), places


def runs(folded: str) -> list[Run]:
    """The stretches of Chinese and of other letters in a folded text."""
    return [
        Run(found.group()[:MAX_TERM] if found["other"] else found.group(), found.start(), bool(found["han"]))
        for found in _RUN.finditer(folded)
    ]


def grams(folded: str) -> list[str]:
    """Character pairs of Chinese with the last character of each run, and whole words of other scripts."""
    found: list[str] = []
    for run in runs(folded):
        if run.han:
            found += [run.text[i : i + 2] for i in range(len(run.text) - 1)]
            found.append(run.text[-1])
        else:
            found.append(run.text)
    return found


def phrase(folded: str) -> tuple[list[str], bool]:
    """The grams that must stand side by side for this text to be there; whether the last one is a beginning."""
    found = grams(folded)
    last = runs(folded)[-1:]
    if not last or not last[0].han:
        return found, False
    return (found[:-1], False) if len(last[0].text) > 1 else (found, True)


def words(folded: str) -> list[str]:
    """Words of Chinese (rjieba) and of other scripts, as they follow each other; marks left out."""
    import rjieba

    found: list[str] = []
    for run in runs(folded):
        found += rjieba.cut(run.text) if run.han else [run.text]
    return found


def pinyin(text: str) -> list[str]:
    """How a name or title may be typed in letters: the whole, its words, and the initials of the whole."""
    from pypinyin import Style, lazy_pinyin

    found: list[str] = []
    for run in runs(fold(text)):
        if not run.han:
            continue
        syllables = lazy_pinyin(run.text)
        found.append("".join(syllables)[:MAX_TERM])
        found.append("".join(lazy_pinyin(run.text, style=Style.FIRST_LETTER))[:MAX_TERM])
        if len(run.text) > 3:
            found += ["".join(lazy_pinyin(word)) for word in words(run.text) if len(word) > 1]
    return list(dict.fromkeys(found))


def _simplified(text: str) -> str:
    return _converter().convert(text)  # type: ignore[no-any-return]


@lru_cache
def _converter():  # type: ignore[no-untyped-def]
    import opencc

    return opencc.OpenCC("t2s")
