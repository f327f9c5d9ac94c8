"""The scratch corpus: findable types that exist only while QINGLIAN_SEARCH_CORPUS names a folder."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.kernel.context import current_hospital
from core.policy.table import load_table
from core.policy.types import TypePolicy, register_type
from core.resources.searchable import Document, register_searchable
from search.evaluation import names

CORPUS, NAMES = "search.corpus", "search.names"


def register(folder: Path) -> None:
    """Make the folder's corpus and the generated names findable, for inspectors of the scratch hospital."""
    load_table(Path(__file__).with_name("policy.csv"), "search.evaluation")
    for key, label, read in ((CORPUS, "评测语料", _corpus), (NAMES, "评测名称", _names)):
        register_type(TypePolicy(key, label, 1))
        register_searchable(
            key,
            label=label,
            build=lambda uids, key=key, read=read: _documents(key, read(folder), uids),  # type: ignore[misc]
            all_uids=lambda hospital, read=read: list(read(folder)),  # type: ignore[misc]
        )


@lru_cache(maxsize=1)
def _corpus(folder: Path) -> dict[str, tuple[str, str]]:
    found = {}
    with (folder / "corpus.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            found[str(row["id"])] = (row.get("title") or "", row["text"])
    return found


@lru_cache(maxsize=1)
def _names(folder: Path) -> dict[str, tuple[str, str]]:
    return {uid: ("", text) for uid, text in names.texts().items()}


def _documents(key: str, known: dict[str, tuple[str, str]], uids: list[str]) -> list[Document]:
    here: Any = current_hospital()
    return [
        Document(
            type=key,
            uid=uid,
            hospital_id=here.id,
            title=known[uid][0],
            body=known[uid][1],
            href="",
            class_to=1,
        )
        for uid in uids
        if uid in known
    ]
