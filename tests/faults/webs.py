"""A real gunicorn on a data folder with a small world, and clients that write to it: for the suites that kill and starve it."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from scripts.environment import ROOT
from scripts.stack import Stack, free_port
from tests.faults.harness import descendants, is_running, wait_gone
from tests.support import template

SETTINGS = "core.settings.embedded"
#: Makes the small world in an empty database and prints slug → role → [username, password].
WORLD = """
import json, os, django
django.setup()
from core.testing.world import World
world = World.small()
found = {}
for one in world.accounts:
    found.setdefault(one.hospital, {}).setdefault(one.role, [one.username, one.password])
print(json.dumps(found))
"""


def prepare(home: Path, extra: dict[str, str] | None = None) -> tuple[Stack, dict[str, dict[str, list[str]]]]:
    """A migrated data folder with two small hospitals; the stack (nothing started) and its accounts."""
    servers = {"QINGLIAN_DATABASE_URL": "", "QINGLIAN_REDIS_URL": "", "QINGLIAN_SEARCH_URL": ""}
    given = {"DJANGO_SETTINGS_MODULE": SETTINGS, "QINGLIAN_LOG_LEVEL": "warning", **servers, **(extra or {})}
    stack = Stack(home, free_port(), extra=given, python=Path(sys.executable))
    if not given["QINGLIAN_DATABASE_URL"]:
        template.copy_to(home / "qinglian.sqlite3")
    for words in (["migrate", "--no-input", "-v", "0"], ["collectstatic", "--no-input", "-v", "0"]):
        done = stack.manage(*words)
        assert done.returncode == 0, done.stdout + done.stderr
    made = subprocess.run(
        [sys.executable, "-c", WORLD], cwd=ROOT, env=stack.env, capture_output=True, text=True, timeout=600
    )
    assert made.returncode == 0, made.stderr[-3000:]
    return stack, json.loads(made.stdout.splitlines()[-1])


class Web:
    """The running gunicorn; its log is `log/web.log` in the data folder."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        stack.log("web").parent.mkdir(parents=True, exist_ok=True)
        (stack.home / "run").mkdir(exist_ok=True)
        with stack.log("web").open("ab") as out:
            self.process = subprocess.Popen(
                stack._web(), cwd=ROOT, env=stack.env, stdout=out, stderr=out, start_new_session=True
            )

    def wait_ready(self, seconds: float = 240) -> None:
        """Until /health answers at all (503 while no worker runs would be an answer too)."""
        limit = time.monotonic() + seconds
        while self.stack.health() == 0:
            if self.process.poll() is not None or time.monotonic() > limit:
                raise RuntimeError(f"the web does not start: {self.stack.log('web').read_text()[-3000:]}")
            time.sleep(0.05)

    def kill(self) -> None:
        """kill −9 of the master and all its workers at once."""
        family = [self.process.pid, *descendants(self.process.pid)]
        for pid in family:
            if is_running(pid):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        wait_gone(family, 5)

    def kill_one(self, place: int) -> bool:
        """kill −9 of one worker of gunicorn; False if it has none at this moment."""
        children = descendants(self.process.pid)
        if not children:
            return False
        os.kill(children[place % len(children)], signal.SIGKILL)
        return True

    def stop(self) -> None:
        """SIGTERM, and the end of all of it."""
        family = [self.process.pid, *descendants(self.process.pid)]
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
        wait_gone(family, 5)


@dataclass
class Client:
    """One person's browser: keeps cookies and token over reconnects. Every answer is (status, JSON or text)."""

    url: str
    timeout: float = 30
    headers: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)
    csrf: str = ""

    def sign_in(self, username: str, password: str) -> None:
        """Sign in. Raises AssertionError with the answer when refused."""
        self.csrf = self.ask("GET", "/api/v1/session")[1]["csrf"]
        login = {"username": username, "password": password}
        status, said = self.ask("POST", "/_allauth/browser/v1/auth/login", login)
        assert status == 200, (status, said)
        self.csrf = self.ask("GET", "/api/v1/session")[1]["csrf"]

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """One request on a connection of its own. Raises OSError or HTTPException when nobody answers."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
        return self.send(method, path, data, {"Content-Type": "application/json", **(headers or {})})

    def upload(self, path: str, name: str, content: bytes, **fields: str) -> tuple[int, Any]:
        """A multipart form with one file."""
        mark = b"----qinglian-faults"
        parts = []
        for key, value in fields.items():
            parts.append(f'Content-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode())
        head = f'Content-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: text/plain\r\n\r\n'
        parts.append(head.encode() + content + b"\r\n")
        body = b"".join(b"--" + mark + b"\r\n" + part for part in parts) + b"--" + mark + b"--\r\n"
        return self.send(
            "POST", path, body, {"Content-Type": f"multipart/form-data; boundary={mark.decode()}"}
        )

    def send(self, method: str, path: str, data: bytes | None, headers: dict[str, str]) -> tuple[int, Any]:
        """The request with cookies and token; cookies of the answer are kept."""
        parts = urlsplit(self.url)
        assert parts.hostname
        connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=self.timeout)
        given = {"X-CSRFToken": self.csrf, "Referer": self.url + "/", **self.headers, **headers}
        if self.cookies:
            given["Cookie"] = "; ".join(f"{key}={value}" for key, value in self.cookies.items())
        try:
            connection.request(method, path, data, given)
            answer = connection.getresponse()
            text = answer.read()
            for name, value in answer.getheaders():
                if name.lower() == "set-cookie":
                    key, _, rest = value.partition("=")
                    self.cookies[key] = rest.partition(";")[0].strip('"')
            kind = answer.getheader("Content-Type", "")
        finally:
            connection.close()
        return answer.status, json.loads(text) if "json" in kind and text else text.decode(errors="replace")
