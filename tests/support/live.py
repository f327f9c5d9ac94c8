"""The real thing for end-to-end tests: gunicorn, worker, a data folder with the demonstration, on a free port."""

import http.cookiejar
import json
import os
import shutil
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from scripts import processes
from scripts.environment import ROOT
from scripts.stack import Stack, free_port
from scripts.up import prepare
from tests.support import template


@dataclass
class Api:
    """A signed-in client of the HTTP API: cookie jar and CSRF token as a browser would have them. Standard library only."""

    url: str
    opener: urllib.request.OpenerDirector = field(init=False)
    csrf: str = ""

    def __post_init__(self) -> None:
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), jar)

    def sign_in(self, username: str, password: str) -> dict[str, Any]:
        """Sign in and return /api/v1/session. Raises AssertionError with the answer when refused."""
        self.csrf = self.get("/api/v1/session")[1]["csrf"]
        login = {"username": username, "password": password}
        status, answer = self.post("/_allauth/browser/v1/auth/login", login)
        assert status == 200, f"sign-in of {username}: {status} {answer}"
        session = self.get("/api/v1/session")[1]
        self.csrf = session["csrf"]
        return session

    def get(self, path: str) -> tuple[int, Any]:
        """Status and JSON (or text) of a GET."""
        return self._ask(urllib.request.Request(self.url + path))

    def post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        """Status and JSON of a POST with a JSON body."""
        given = {"Content-Type": "application/json", "X-CSRFToken": self.csrf, "Referer": self.url + "/"}
        data = json.dumps(body).encode()
        return self._ask(
            urllib.request.Request(self.url + path, data=data, headers={**given, **(headers or {})})
        )

    def _ask(self, request: urllib.request.Request) -> tuple[int, Any]:
        try:
            with self.opener.open(request, timeout=60) as answer:
                return answer.status, _read(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _read(error)


@dataclass
class Live:
    """A running Qinglian and its demonstration accounts."""

    stack: Stack

    @property
    def url(self) -> str:
        """Address without a trailing slash."""
        return self.stack.url

    def account(self, role: str, hospital: str | None = None) -> dict[str, str]:
        """The first account of a role, in a hospital (slug or name) if given."""
        for account in self.stack.accounts():
            if account["role"] == role and hospital in (None, account["hospital"], account.get("slug")):
                return account
        known = sorted({f"{one['hospital']}:{one['role']}" for one in self.stack.accounts()})
        raise LookupError(f"no account {hospital or '*'}:{role}; there are {', '.join(known)}")

    def api(self, role: str, hospital: str | None = None) -> Api:
        """An API client signed in as that account."""
        account, client = self.account(role, hospital), Api(self.url)
        client.sign_in(account["username"], account["password"])
        return client

    def stop_worker(self) -> None:
        """End the worker: jobs wait from now on."""
        processes.stop(self.stack.record("worker"))

    def start_worker(self) -> None:
        """A new worker in the place of the one that was ended."""
        processes.start(
            [str(self.stack.python), "manage.py", "worker"],
            env=self.stack.env,
            log=self.stack.log("worker"),
            record=self.stack.record("worker"),
            cwd=ROOT,
        )

    def manage(self, *arguments: str) -> str:
        """Output of a `manage.py` command on the running data folder; the test fails when the command does."""
        done = self.stack.manage(*arguments)
        assert done.returncode == 0, f"manage.py {' '.join(arguments)}:\n{done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture(scope="session")
def live() -> Iterator[Live]:
    """The real stack, started once; ended with everything it started. On failure its logs are shown."""
    home = Path(tempfile.mkdtemp(prefix="qinglian-live-"))
    extra = {name: os.environ.get(name, "") for name in ("QINGLIAN_DATABASE_URL", "QINGLIAN_REDIS_URL")}
    extra |= {"DJANGO_SETTINGS_MODULE": "core.settings.embedded", "QINGLIAN_LANGUAGE_CHECK": "0"}
    stack = Stack(home, free_port(), extra=extra, python=Path(sys.executable))
    template.copy_to(home / "qinglian.sqlite3")
    try:
        prepare(stack)
        stack.start()
        yield Live(stack)
    finally:
        stack.stop()
        shutil.rmtree(home, ignore_errors=True)


def _read(answer: Any) -> Any:
    body = answer.read()
    if "json" in answer.headers.get("Content-Type", ""):
        return json.loads(body) if body else None
    return body.decode(errors="replace")
