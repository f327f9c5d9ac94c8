"""Is the record what was sealed? Recomputed from the rows alone and held against the heads in both places."""

import itertools
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.db.models import Max

from core.audit.heads import copy_state, filed_heads, signature_holds
from core.audit.leaves import hashes
from core.audit.merkle import Frontier, consistency_proof, inclusion_proof
from core.audit.models import Head, Kind, Leaf, Sealer
from core.audit.sealer import unsealed
from core.vault.keys import KeyUnavailable

CHUNK = 2000
KEEP = 100  # findings reported in full; the rest only counted


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: what, at which number of the log (from 0), which row, and a Chinese sentence."""

    what: str  # edited | row_deleted | leaf_missing | order | truncated | head | signature | key | file | copy | sealer
    text: str
    number: int | None = None
    kind: str | None = None
    row: int | None = None


@dataclass
class Report:
    """The answer of `verify`. `ok` says nothing about unsealed rows: look at their age."""

    size: int = 0
    root: str = ""
    heads: int = 0
    heads_in_file: int = 0
    unsealed: int = 0
    oldest_unsealed_seconds: float | None = None
    found: int = 0
    copy: dict[str, Any] | None = None
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return self.found == 0

    @property
    def first(self) -> Finding | None:
        """The lowest number at which something is wrong; without any number, the first finding."""
        numbered = [one for one in self.findings if one.number is not None]
        return min(numbered, key=lambda one: one.number or 0) if numbered else next(iter(self.findings), None)

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        first = self.first
        return {"ok": self.ok, "first": asdict(first) if first else None, **asdict(self)}

    def add(self, finding: Finding) -> None:
        """Note a finding; beyond KEEP only count it."""
        self.found += 1
        if len(self.findings) < KEEP:
            self.findings.append(finding)


def verify(*, using: str = "default") -> Report:
    """Walk the whole log once. Finds edited, deleted, re-ordered and rolled-back rows, and heads that do not hold.

    The sealer may be at work meanwhile: what it adds is walked too.
    """
    report = Report()
    stored = list(Head.objects.using(using).order_by("id"))
    filed, unreadable = filed_heads()
    _check_places(report, stored, filed, unreadable)
    frontier, sealer = _walk(report, stored, filed, using)
    report.heads, report.heads_in_file = len(stored), len(filed)
    report.size, report.root = frontier.size, frontier.root().hex()
    if frontier.size and max((head.size for head in stored), default=0) < frontier.size:
        report.add(Finding("head", "数据库中最后一次封存的签名不见了", frontier.size - 1))
    _check_signatures(report, stored, filed)
    _check_sealer(report, frontier, sealer)
    _check_copy(report)
    count, oldest = unsealed(using)
    report.unsealed = count
    if oldest:
        report.oldest_unsealed_seconds = round((datetime.now(UTC) - oldest).total_seconds(), 1)
    return report


def prove_row(kind: str, row: int, *, using: str = "default") -> dict[str, Any]:
    """Inclusion proof of a row in the newest tree. Reads all leaf hashes. Raises Leaf.DoesNotExist if unsealed."""
    leaf = Leaf.objects.using(using).get(kind=kind, row=row)
    leaves = _all_hashes(using)
    frontier = _grow(leaves)
    return {
        "number": leaf.number,
        "size": len(leaves),
        "leaf": bytes(leaf.hash).hex(),
        "root": frontier.root().hex(),
        "proof": [node.hex() for node in inclusion_proof(leaves, leaf.number)],
    }


def prove_growth(old_size: int, *, using: str = "default") -> dict[str, Any]:
    """Consistency proof from an earlier tree to the newest one. Raises IndexError for an unknown size."""
    leaves = _all_hashes(using)
    return {
        "old_size": old_size,
        "old_root": _grow(leaves[:old_size]).root().hex(),
        "size": len(leaves),
        "root": _grow(leaves).root().hex(),
        "proof": [node.hex() for node in consistency_proof(leaves, old_size)],
    }


def _walk(
    report: Report, stored: list[Head], filed: list[Head], using: str
) -> tuple[Frontier, Sealer | None]:
    """Every leaf against its row; the tree against every head on the way. The first wrong root ends root checks.

    `good` is the last size that the second place confirms: after a roll-back our own sealer signs another history,
    and those heads are in the database alone. Heads sealed while this walks are added to `stored`.
    """
    waiting = sorted([*stored, *filed], key=lambda head: head.size)
    confirmed = {(head.size, head.root) for head in filed}
    frontier, good, done, sound = Frontier(), 0, 0, True
    found = _Following(waiting, stored, using)
    for leaves in found.leaves():
        fresh: dict[str, dict[int, bytes]] = {
            kind: hashes(kind, [row for _, k, row, _ in leaves if k == kind], using)
            for kind in (Kind.CHANGE, Kind.EVENT)
        }
        for number, kind, row, sealed in leaves:
            if sound and number != frontier.size:
                report.add(Finding("leaf_missing", f"封存条目 {frontier.size} 被删除", frontier.size))
                sound = False
            _check_row(report, number, kind, row, bytes(sealed), fresh[kind].get(row))
            frontier.append(bytes(sealed))
            while sound and done < len(waiting) and waiting[done].size <= frontier.size:
                head = waiting[done]
                done += 1
                if head.size == frontier.size and head.root == frontier.root().hex():
                    if not confirmed or (head.size, head.root) in confirmed:
                        good = head.size
                else:
                    text = f"封存条目 {good} 至 {head.size - 1} 的内容或次序与签名不符"
                    report.add(Finding("order", text, good))
                    sound = False
    if sound and done < len(waiting):
        highest = max(head.size for head in waiting)
        text = f"记录被截断或回退：签名记到 {highest} 条，数据库里只有 {frontier.size} 条"
        report.add(Finding("truncated", text, min(good, frontier.size)))
    return frontier, found.sealer


class _Following:
    """The leaves up to the last known head; then those up to the heads that were sealed meanwhile; then what is left.

    Leaves and their head come in one transaction. So a leaf without a head, looked for before the heads are read again,
    is a leaf that nobody signed. `sealer`: its row, of the same moment.
    """

    def __init__(self, waiting: list[Head], stored: list[Head], using: str) -> None:
        self._waiting, self._stored, self._using = waiting, stored, using
        self.sealer: Sealer | None = None

    def leaves(self) -> Iterator[list[tuple[int, str, int, bytes]]]:
        """In chunks, by number."""
        last = -(2**62)
        while True:
            known = max((head.size for head in self._waiting), default=0)
            for chunk in _leaves(self._using, last, known):
                yield chunk
                last = chunk[-1][0]
            top = Leaf.objects.using(self._using).aggregate(top=Max("number"))["top"]
            self.sealer = Sealer.objects.using(self._using).filter(pk=1).first()
            if not self._sealed_meanwhile():
                if top is not None:
                    yield from _leaves(self._using, last, top + 1)
                return

    def _sealed_meanwhile(self) -> bool:
        """Take up the heads that are new since the last look."""
        newest = max((head.pk for head in self._stored), default=0)
        seen = {(head.size, head.root) for head in self._waiting}
        new = list(Head.objects.using(self._using).filter(id__gt=newest).order_by("id"))
        self._stored += new
        self._waiting += [head for head in new if (head.size, head.root) not in seen]
        return bool(new)


def _check_row(report: Report, number: int, kind: str, row: int, sealed: bytes, fresh: bytes | None) -> None:
    label = Kind(kind).label
    if fresh is None:
        report.add(Finding("row_deleted", f"第 {number} 条（{label} {row}）已被删除", number, kind, row))
    elif fresh != sealed:
        report.add(Finding("edited", f"第 {number} 条（{label} {row}）已被改动", number, kind, row))


def _check_places(report: Report, stored: list[Head], filed: list[Head], unreadable: int) -> None:
    """The file may lag by the last heads (a crash between commit and write), never lack one in between."""
    if unreadable:
        report.add(Finding("file", f"数据目录下 log-heads.jsonl 有 {unreadable} 行无法读取"))
    if any(later.size <= earlier.size for earlier, later in itertools.pairwise(filed)):
        report.add(Finding("file", "数据目录下 log-heads.jsonl 的行被移动或重复"))
    if stored and not filed:
        report.add(Finding("file", "第二处记录（数据目录下 log-heads.jsonl）不见了"))
        return
    here = {(head.size, head.root) for head in stored}
    there = {(head.size, head.root) for head in filed}
    last = max((head.size for head in filed), default=0)
    highest = max((head.size for head in stored), default=0)
    for size, _ in sorted(here - there):
        if size <= last:
            report.add(Finding("file", f"第二处记录缺少条数为 {size} 的签名"))
    for size, _ in sorted(there - here):
        if size <= highest:
            report.add(Finding("head", f"数据库缺少条数为 {size} 的签名"))
    if highest > last:
        report.notes.append(f"第二处记录暂时落后：{last} / {highest}；下一次封存会补上")


def _check_copy(report: Report) -> None:
    """The copy elsewhere may lag, never disagree: then somebody rolled back database and file together."""
    state = copy_state()
    report.copy = state
    if state is None:
        return
    if not state["agrees"]:
        report.add(Finding("copy", f"{state['text']}（{state['where']}）"))
    elif state["lags"]:
        report.notes.append(f"另存的审计签名（{state['where']}）{state['text']}")


def _check_signatures(report: Report, stored: list[Head], filed: list[Head]) -> None:
    seen: set[tuple[Any, ...]] = set()
    for head in [*stored, *filed]:
        identity = (head.size, head.root, head.at, head.key, head.signature)
        if identity in seen:
            continue
        seen.add(identity)
        try:
            if not signature_holds(head):
                report.add(Finding("signature", f"条数为 {head.size} 的签名不成立", head.size - 1))
        except KeyUnavailable as error:
            report.add(Finding("key", str(error)))
            return


def _check_sealer(report: Report, frontier: Frontier, sealer: Sealer | None) -> None:
    if sealer is None:
        if frontier.size:
            report.add(Finding("sealer", "封存进度不见了"))
    elif sealer.size != frontier.size or sealer.frontier != [node.hex() for node in frontier.hashes]:
        report.add(Finding("sealer", f"封存进度（{sealer.size} 条）与封存条目（{frontier.size} 条）不一致"))


def _leaves(
    using: str, last: int = -(2**62), below: int = 2**62
) -> Iterator[list[tuple[int, str, int, bytes]]]:
    """Leaves with `last` < number < `below`, in chunks."""
    while True:
        rows = Leaf.objects.using(using).filter(number__gt=last, number__lt=below).order_by("number")
        chunk = list(rows.values_list("number", "kind", "row", "hash")[:CHUNK])
        if not chunk:
            return
        yield chunk
        last = chunk[-1][0]


def _all_hashes(using: str) -> list[bytes]:
    return [bytes(stored) for chunk in _leaves(using) for *_, stored in chunk]


def _grow(leaves: list[bytes]) -> Frontier:
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier
