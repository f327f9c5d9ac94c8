"""Does `verify` alone find what somebody did to the record? `python -m tests.faults.tamper --count 500`

A history of some sixty sealed rows in a data folder of its own; then, `count` times for each of edits, deletions,
re-orderings and roll-backs: the database file is put back as it was, altered by a hand with full rights on it, and
`manage.py audit verify --json` runs in a process of its own, without web or worker (one such process for all rounds: it
opens the database anew each time). It must say that the record is not
whole and name the first bad number (where hashes were recomputed too: the sealing step in which it lies).
"""

import argparse
import io
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from tests.faults.harness import environment, migrate

#: Takes dice and the leaves; gives the lowest wrong number, and whether it can be named exactly.
Alter = Callable[[random.Random, Any], tuple[int, bool]]


class Verifier:
    """A process of its own that runs the command each time it is asked, on whatever lies in the data folder then.

    Forked once, with the program loaded and no connection open: a process for each round cost most of a run.
    """

    def __init__(self) -> None:
        from django.db import connections

        connections.close_all()
        asked, self._ask = os.pipe()
        self._said, answer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._ask)
            os.close(self._said)
            _serve(asked, answer)
        os.close(asked)
        os.close(answer)
        self._answers = os.fdopen(self._said)

    def verify(self) -> dict[str, Any]:
        """What `audit verify --json` says now, shortened. Raises RuntimeError when the process has died."""
        os.write(self._ask, b"?")
        if not (line := self._answers.readline()):
            raise RuntimeError("the verifying process died")
        return dict(json.loads(line))

    def end(self) -> None:
        """End it and wait for it."""
        os.close(self._ask)
        self._answers.close()
        os.waitpid(self.pid, 0)


def _serve(asked: int, answer: int) -> NoReturn:
    """The verifying process: a round for each byte, until the other side is gone. Each opens the database anew."""
    from django.core.management import call_command
    from django.db import connections

    code = 1
    try:
        while os.read(asked, 1):
            out = io.StringIO()
            try:
                call_command("audit", "verify", "--json", stdout=out)
            except SystemExit:
                pass
            connections.close_all()
            os.write(answer, json.dumps(_short(json.loads(out.getvalue()))).encode() + b"\n")
        code = 0
    finally:
        os._exit(code)


def run(home: Path, count: int) -> dict[str, Any]:
    """The whole suite in `home`; the figures."""
    began = time.monotonic()
    migrate(home)
    import django

    django.setup()
    from django.conf import settings
    from django.db import connections

    from core.kernel.context import Actor, actor_scope
    from tests.integration.audit import tampering

    database, heads = Path(settings.DATABASES["default"]["NAME"]), home / "log-heads.jsonl"
    with actor_scope(Actor.system("test")):
        history = tampering.make_history()
    connections.close_all()
    kept = home / "kept.sqlite3"
    shutil.copyfile(database, kept)
    filed = heads.read_bytes()
    verifier = Verifier()

    def round_of(alter: Alter, seed: int) -> tuple[int, bool, dict[str, Any]]:
        _put_back(database, kept)
        heads.write_bytes(filed)
        with actor_scope(Actor.system("test")):
            lowest, exact = alter(random.Random(seed), history)
        return lowest, exact, verifier.verify()

    try:
        assert verifier.verify()["ok"], "the untouched record must verify"
        started = time.monotonic()
        found: dict[str, Any] = {
            name: _rounds(partial(round_of, alter), count, tampering.next_head)
            for name, alter in tampering.WAYS.items()
        }
        spent = time.monotonic() - started
        _put_back(database, kept)
        heads.write_bytes(filed)
        assert verifier.verify()["ok"], "put back, the record must verify again"
    finally:
        verifier.end()
    found["rows"] = len(history)
    found["seconds_a_round"] = round(spent / max(1, count * len(tampering.WAYS)), 3)
    found["seconds"] = round(time.monotonic() - began, 1)
    return found


def _rounds(
    one: Callable[[int], tuple[int, bool, dict[str, Any]]], count: int, next_head: Callable[[int], int]
) -> dict[str, Any]:
    """`count` alterations of one kind: how many were found, and how many by their first bad number."""
    seen = named = 0
    missed = []
    for seed in range(count):
        lowest, exact, said = one(seed)
        seen += not said["ok"]
        number = said["number"]
        right = number is not None and (number == lowest if exact else number <= lowest < next_head(number))
        named += right
        if said["ok"] or not right:
            missed.append({"seed": seed, "expected": lowest, "exact": exact, "said": said})
    return {"tried": count, "found": seen, "first_named": named, "missed": missed[:5]}


def is_sound(found: dict[str, Any]) -> bool:
    """True if every alteration was found and its first bad row named."""
    kinds = [one for one in found.values() if isinstance(one, dict)]
    return all(one["found"] == one["first_named"] == one["tried"] for one in kinds)


def main() -> int:
    """Run and print the figures as JSON; 1 if anything was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=500, help="alterations of each kind")
    asked = parser.parse_args()
    memory = Path("/dev/shm")  # thousands of copies, none worth a disk's fsync
    place = memory if os.access(memory, os.W_OK) else None
    home = Path(tempfile.mkdtemp(prefix="qinglian-tamper-", dir=place))
    os.environ.update(environment(home))
    os.environ.pop("QINGLIAN_DATABASE_URL", None)
    os.environ.pop("QINGLIAN_REDIS_URL", None)
    try:
        found = run(home, asked.count)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    print(json.dumps(found, ensure_ascii=False, indent=1))
    return 0 if is_sound(found) else 1


def _short(report: dict[str, Any]) -> dict[str, Any]:
    first = report["first"] or {}
    return {"ok": report["ok"], "number": first.get("number"), "what": first.get("what")}


def _put_back(database: Path, kept: Path) -> None:
    from django.db import connections

    connections.close_all()
    for end in ("-wal", "-shm"):
        Path(f"{database}{end}").unlink(missing_ok=True)
    shutil.copyfile(kept, database)


if __name__ == "__main__":
    sys.exit(main())
