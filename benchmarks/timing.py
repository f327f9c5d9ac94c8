"""Asking a running site for the same page again and again."""

import json
import math
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request

from tests.support.live import Api


@dataclass
class Pages:
    """What came back: time of each answer with its body read, the most statements one needed (0: not told), its CPU time, the last body."""

    milliseconds: list[float]
    queries: int
    cpu: list[float]
    body: Any


def pages(api: Api, path: str, asked: dict[str, Any], rounds: int, *, second: bool = False) -> Pages:
    """Ask `rounds` times after two that warm up. `second` asks for the page after the first. Raises AssertionError unless 200."""
    if second:
        status, first = api.get(f"{path}?{urlencode(asked)}")
        assert status == 200, (path, status, first)
        asked = {**asked, "after": first["next"]}
    url = f"{api.url}{path}" + (f"?{urlencode(asked)}" if asked else "")
    times, cpu, queries, body = [], [], 0, b""
    for turn in range(rounds + 2):
        begun = time.perf_counter()
        with api.opener.open(Request(url), timeout=60) as answer:
            body = answer.read()
            assert answer.status == 200, (url, answer.status)
        if turn >= 2:
            times.append((time.perf_counter() - begun) * 1000)
            cpu.append(float(answer.headers.get("X-CPU", 0)))
            queries = max(queries, int(answer.headers.get("X-Queries", 0)))
    return Pages(times, queries, cpu, json.loads(body))


def percentile(values: list[float], percent: float) -> float:
    """Nearest rank: the smallest value that `percent` of all do not exceed."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]
