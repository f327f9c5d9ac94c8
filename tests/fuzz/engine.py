"""Every operation of the OpenAPI document with data that schemathesis makes up, as several people; what answers 5xx is kept.

Made-up addresses would mostly end at 404, so most cases name what is there: the hospital, resources, things of the test
world. Each case runs in a transaction that is rolled back, so that no case changes what the next one meets.
"""

import json
import random
import re
import traceback
import warnings
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import hypothesis
import schemathesis
from django.core.signals import got_request_exception
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, Phase

from core.api.root import api

PLACE = re.compile(r"\{(\w+)\}")
KNOWN = 0.85  # share of path values taken from what is there
SAFE_HEADER = re.compile(r"^[\x20-\x7e]*$")


@dataclass
class Crash:
    """An answer of 500 or more: what was sent by whom, and the end of the traceback."""

    operation: str
    role: str
    path: str
    body: str
    status: int
    why: str


@dataclass
class Found:
    """What a run met."""

    cases: int = 0
    operations: int = 0
    answers: Counter[int] = field(default_factory=Counter)
    crashes: list[Crash] = field(default_factory=list)
    not_problems: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, Any]:
        """For the command."""
        kinds = Counter(f"{one.operation}: {one.why.splitlines()[-1][:160]}" for one in self.crashes)
        return {
            "cases": self.cases,
            "operations": self.operations,
            "answers": {str(status): n for status, n in sorted(self.answers.items())},
            "5xx": len(self.crashes),
            "kinds": dict(kinds),
            "errors_that_are_no_problem_documents": dict(self.not_problems),
        }


def fuzz(cases: int, seed: int, clients: dict[str, Client], known: dict[str, list[str]]) -> Found:
    """`cases` requests at least, spread evenly over all operations and people. `known`: path value → what is there."""
    document = json.loads(json.dumps(api.get_openapi_schema(path_prefix="/api/v1/")))
    schema = schemathesis.openapi.from_dict(document)
    operations = [one.ok() for one in schema.get_all_operations()]
    each = max(1, -(-cases // len(operations)))
    found, chance = Found(operations=len(operations)), random.Random(seed)
    for operation in operations:
        _one(operation, each, clients, known, found, chance)
    return found


def _one(
    operation: Any,
    count: int,
    clients: dict[str, Client],
    known: dict[str, list[str]],
    found: Found,
    chance: random.Random,
) -> None:
    name = f"{operation.method.upper()} {operation.path}"
    roles = sorted(clients)

    @hypothesis.seed(chance.randrange(2**32))
    @hypothesis.settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(case=operation.as_strategy())
    def run(case: Any) -> None:
        if done[0] >= count:
            return
        done[0] += 1
        _send(name, case, chance.choice(roles), clients, known, found, chance)

    done = [0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run()
        while done[0] < count:  # a strategy with few values gives fewer: asked again by other people
            before = done[0]
            run()
            if done[0] == before:
                break


def _send(
    name: str,
    case: Any,
    role: str,
    clients: dict[str, Client],
    known: dict[str, list[str]],
    found: Found,
    chance: random.Random,
) -> None:
    client = clients[role]
    sent = case.as_transport_kwargs(base_url="http://testserver")
    path = _path(case, known, chance)
    query = sent.get("params") or {}
    headers = {
        key: str(value)
        for key, value in (case.headers or {}).items()
        if SAFE_HEADER.match(str(value)) and key.lower() not in {"authorization", "cookie", "host"}
    }
    token = client.cookies.get("csrftoken")
    headers["X-CSRFToken"] = token.value if token else ""
    body, kind = _body(sent, case)
    seen: list[str] = []

    def note(sender: Any, request: Any = None, **_: Any) -> None:
        seen.append(traceback.format_exc())

    got_request_exception.connect(note)
    cookies = client.cookies.copy()
    client.raise_request_exception = False
    try:
        with transaction.atomic():
            answer = client.generic(
                case.method.upper(), path, body, content_type=kind, headers=headers, query_params=query
            )
            if answer.streaming:
                b"".join(answer.streaming_content)
            transaction.set_rollback(True)
        status, content = answer.status_code, answer.get("Content-Type", "")
        why = seen[-1] if seen else answer.content.decode(errors="replace") if status >= 500 else ""
    except Exception:  # what escapes the client is a crash of the server, too
        status, content, why = 599, "", traceback.format_exc()
    finally:
        got_request_exception.disconnect(note)
        client.cookies = cookies
    found.cases += 1
    found.answers[status] += 1
    if status >= 500:
        shown = f"{path}?{json.dumps(query, ensure_ascii=True, default=str)}"[:500]
        found.crashes.append(Crash(name, role, shown, repr(body[:500]), status, why.strip() or "?"))
    elif status >= 400 and not content.startswith("application/problem+json"):
        found.not_problems[f"{name}: {status} {content}"] += 1


def _path(case: Any, known: dict[str, list[str]], chance: random.Random) -> str:
    """The address, with values that are there in most places."""
    from urllib.parse import quote

    given = dict(case.path_parameters or {})

    def value(match: re.Match[str]) -> str:
        key = match[1]
        if known.get(key) and chance.random() < KNOWN:
            return quote(chance.choice(known[key]), safe="")
        return quote(str(given.get(key, "x")), safe="") or "x"

    return PLACE.sub(value, case.path)


def _body(sent: dict[str, Any], case: Any) -> tuple[bytes, str]:
    """The encoded body and its type."""
    import requests

    prepared = requests.Request(
        sent.get("method", "POST"),
        "http://testserver/",
        json=sent.get("json"),
        data=sent.get("data"),
        files=sent.get("files"),
    ).prepare()
    body = prepared.body or b""
    kind = prepared.headers.get("Content-Type") or (case.media_type or "application/json")
    return (body if isinstance(body, bytes) else str(body).encode("utf-8", "surrogatepass")), kind
