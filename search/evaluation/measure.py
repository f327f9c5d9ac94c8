"""The measures: MRR@10, nDCG@10 with the label as gain, recall@100; and recall and precision of names.

Graded labels (above 1) count as relevant from 2, plain ones from 1; the gain is the label itself either way.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean


@dataclass(frozen=True)
class Task:
    """Questions (id → text) and judgements (id → document → label)."""

    queries: dict[str, str]
    labels: dict[str, dict[str, int]]

    @property
    def relevant_from(self) -> int:
        """The label from which a document counts as relevant."""
        return 2 if max((g for found in self.labels.values() for g in found.values()), default=1) > 1 else 1


def read(folder: Path) -> Task:
    """queries.jsonl {id, text} and qrels.tsv (query 0 document label). Raises OSError, ValueError, KeyError."""
    queries: dict[str, str] = {}
    with (folder / "queries.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            queries[str(row["id"])] = row["text"]
    labels: dict[str, dict[str, int]] = {}
    with (folder / "qrels.tsv").open(encoding="utf-8") as lines:
        for line in lines:
            if line.strip():
                query, _, document, label = line.split()
                labels.setdefault(query, {})[document] = int(label)
    return Task({key: text for key, text in queries.items() if any(labels.get(key, {}).values())}, labels)


def figures(task: Task, ranked: dict[str, list[str]]) -> dict[str, float]:
    """The means over all questions that have a relevant answer."""
    rows = [_one(task.labels[key], ranked[key], task.relevant_from) for key in task.queries]
    names = ("mrr@10", "ndcg@10", "recall@100")
    return {name: round(fmean(row[n] for row in rows), 4) for n, name in enumerate(names)}


def exactness(asked: list[str], texts: dict[str, str], find: Callable[[str], set[str]]) -> dict[str, float]:
    """Recall and precision of finding each name in just the texts that hold it."""
    wanted = got = right = 0
    for name in asked:
        holding = {uid for uid, text in texts.items() if name in text}
        found = find(name)
        wanted, got, right = wanted + len(holding), got + len(found), right + len(holding & found)
    return {"recall": round(right / max(wanted, 1), 4), "precision": round(right / max(got, 1), 4)}


def _one(labels: dict[str, int], ranked: list[str], relevant_from: int) -> tuple[float, float, float]:
    relevant = {document for document, label in labels.items() if label >= relevant_from}
    first = next((n for n, document in enumerate(ranked[:10], 1) if document in relevant), 0)
    best = _gain(sorted(labels.values(), reverse=True))
    gained = _gain([labels.get(document, 0) for document in ranked])
    kept = len(relevant & set(ranked[:100])) / len(relevant) if relevant else 0.0
    return (1 / first if first else 0.0), (gained / best if best else 0.0), kept


def _gain(labels: list[int]) -> float:
    return sum(label / math.log2(n + 1) for n, label in enumerate(labels[:10], 1))
