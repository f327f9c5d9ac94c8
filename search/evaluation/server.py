"""A scratch installation for one measurement: data folder, hospital, account, index, web server; all gone afterwards."""

import http.cookiejar
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings

HOSPITAL, USERNAME = "evaluate", "evaluate"
ROOT = Path(__file__).resolve().parents[2]


class Failed(Exception):
    """The measurement could not be made; the text says why."""


class Client:
    """A signed-in client with cookies, as a browser would have them."""

    def __init__(self, url: str, hospital: str) -> None:
        self.url, self.hospital = url.rstrip("/"), hospital
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), jar)

    def sign_in(self, username: str, password: str) -> None:
        """Sign in. Raises Failed."""
        token = self._ask("/api/v1/session")["csrf"]
        body = json.dumps({"username": username, "password": password}).encode()
        head = {"Content-Type": "application/json", "X-CSRFToken": token, "Referer": self.url + "/"}
        self._ask("/_allauth/browser/v1/auth/login", body, head)

    def search(self, text: str, **more: Any) -> dict[str, Any]:
        """One answer of the search endpoint. Raises Failed."""
        asked = urllib.parse.urlencode({"q": text, **more})
        return self._ask(f"/api/v1/h/{self.hospital}/search?{asked}")

    def _ask(self, path: str, body: bytes | None = None, head: dict[str, str] | None = None) -> Any:
        request = urllib.request.Request(self.url + path, data=body, headers=head or {})
        try:
            with self._opener.open(request, timeout=60) as answer:
                return json.load(answer)
        except (OSError, ValueError) as error:
            raise Failed(f"{path.split('?')[0]}：{error}") from error


@contextmanager
def scratch(folder: Path, search_url: str) -> Iterator[Client]:
    """A running server whose only findable things are the folder's corpus and the names; signed in."""
    password = secrets.token_urlsafe(18)
    with tempfile.TemporaryDirectory(prefix="qinglian-evaluate-") as home:
        env = {name: value for name, value in os.environ.items() if not name.startswith("QINGLIAN_")}
        env |= {
            "DJANGO_SETTINGS_MODULE": "core.settings.embedded",
            "PYTHONPATH": str(ROOT),
            "QINGLIAN_HOME": home,
            "QINGLIAN_SEARCH_CORPUS": str(folder.resolve()),
            "QINGLIAN_SEARCH_URL": search_url,
            "QINGLIAN_LOG_LEVEL": "warning",
            "EVALUATE_PASSWORD": password,
        }
        try:
            for arguments in (("migrate", "--no-input", "-v", "0"), ("search", "prepare-evaluation")):
                _manage(env, *arguments)
            with _web(env, Path(home)) as url:
                client = Client(url, HOSPITAL)
                client.sign_in(USERNAME, password)
                yield client
        finally:
            if search_url:
                _manage(env, "search", "drop")


def _manage(env: dict[str, str], *arguments: str) -> None:
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        raise Failed(
            f"manage.py {' '.join(arguments)} 没有成功：{(done.stdout + done.stderr).strip()[-1500:]}"
        )


@contextmanager
def _web(env: dict[str, str], home: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "core.api.wsgi:application",
        "-c",
        "python:core.api.gunicorn_conf",
        "--bind",
        f"127.0.0.1:{port}",
    ]
    command += ["--worker-class", "gthread", "--threads", "4", "--timeout", "120", "--no-control-socket"]
    log = home / "web.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        until = time.monotonic() + 60
        while not _answers(port):
            if server.poll() is not None or time.monotonic() > until:
                raise Failed(f"评测用的网站没有启动成功：{log.read_text(errors='replace')[-1500:]}")
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def prepare() -> None:
    """Inside the scratch installation: a hospital, an inspector, and the whole index. Raises EngineFailed."""
    from datetime import date

    from core.kernel.context import Actor, acting
    from core.kernel.sortkey import sort_key
    from core.org.models import Hospital, Person, Post, User
    from search import engines, index, jobs

    if not settings.SEARCH_CORPUS:
        raise Failed("只能在评测用的数据目录里使用。")
    with acting(Actor.system("evaluate")):
        hospital = Hospital.objects.create(slug=HOSPITAL, name="评测医院", sort_key=sort_key("评测医院"))
        person = Person.objects.create(name="评测账号", sort_key=sort_key("评测账号"))
        user = User(username=USERNAME, person=person)
        user.set_password(os.environ["EVALUATE_PASSWORD"])
        user.save()
        Post.unscoped.create(hospital=hospital, person=person, role="inspector", starts_on=date(2020, 1, 1))
    for engine in engines.engines():
        jobs.prepare(engine)
        index.reconcile(hospital, engine)
