"""Web and worker on one data folder: started, asked for their health, ended. Used by `make up`, the end-to-end tests and `make shot`."""

import http.client
import json
import os
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from scripts import processes
from scripts.environment import PYTHON, ROOT
from scripts.say import Stop


@dataclass
class Stack:
    """A data folder, an address, and the environment that web, worker and commands run under."""

    home: Path
    port: int
    bind: str = "127.0.0.1"
    extra: dict[str, str] = field(default_factory=dict)
    python: Path = PYTHON

    @property
    def env(self) -> dict[str, str]:
        """The environment of everything started here."""
        given = {"DJANGO_SETTINGS_MODULE": "core.settings.embedded", **os.environ, **self.extra}
        given |= {
            "QINGLIAN_HOME": str(self.home),
            "QINGLIAN_PORT": str(self.port),
            "QINGLIAN_BIND": self.bind,
        }
        return given | {"PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT)}

    @property
    def url(self) -> str:
        """Where a browser on this machine finds it."""
        return f"http://{self.host}:{self.port}"

    @property
    def host(self) -> str:
        """The address to call: a wildcard binding is reached by the loopback address."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.bind, self.bind)

    def record(self, name: str) -> Path:
        """Pid record of `web` or `worker`."""
        return self.home / "run" / f"{name}.json"

    def log(self, name: str) -> Path:
        """Log of `web` or `worker`."""
        return self.home / "log" / f"{name}.log"

    def manage(self, *arguments: str, timeout: float | None = 1800) -> subprocess.CompletedProcess[str]:
        """Run `manage.py` and return what it said; the caller looks at the code."""
        command = [str(self.python), "manage.py", *arguments]
        return subprocess.run(
            command,
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
        )

    def start(self, wait: float = 120) -> None:
        """Start web and worker and wait for /health. Raises Stop with the last log lines when they do not come up."""
        self._start("web", self._web())
        self._start("worker", [str(self.python), "manage.py", "worker"])
        until = time.monotonic() + wait
        while self.health() != 200:
            for name in ("web", "worker"):
                made = processes.read(self.record(name))
                if made is None or not processes.running(made):
                    self._fail(f"{name} 没有启动成功")
            if time.monotonic() > until:
                self._fail(f"{wait:.0f} 秒内 /health 没有回答 200（最后一次：{self.health()}）")
            time.sleep(0.1)

    def stop(self) -> bool:
        """End both, the worker first so that no job starts meanwhile. True if any lived."""
        return any([processes.stop(self.record("worker")), processes.stop(self.record("web"))])

    def running(self) -> bool:
        """Whether both recorded processes live."""
        found = [processes.read(self.record(name)) for name in ("web", "worker")]
        return all(made is not None and processes.running(made) for made in found)

    def health(self) -> int:
        """The status code of /health, 0 when nobody answers."""
        hosts = self.env.get("QINGLIAN_HOSTS", "").split(",")[0].strip()
        headers = {"Host": hosts or f"{self.host}:{self.port}"}
        if self.env["DJANGO_SETTINGS_MODULE"].endswith("production"):
            headers["X-Forwarded-Proto"] = "https"
        connection = http.client.HTTPConnection(self.host, self.port, timeout=5)
        try:
            connection.request("GET", "/health", headers=headers)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()

    def accounts(self) -> list[dict[str, str]]:
        """The demonstration accounts: hospital, role, name, username, password."""
        return json.loads((self.home / "demo-accounts.json").read_text(encoding="utf-8"))

    def _start(self, name: str, argv: list[str]) -> None:
        processes.start(argv, env=self.env, log=self.log(name), record=self.record(name), cwd=ROOT)

    def _web(self) -> list[str]:
        threads = self.env.get("QINGLIAN_WEB_THREADS", "8")
        address = f"[{self.bind}]" if ":" in self.bind else self.bind
        argv = [str(self.python), "-m", "gunicorn", "core.api.wsgi:application"]
        argv += [
            "-c",
            "python:core.api.gunicorn_conf",
            "--bind",
            f"{address}:{self.port}",
            "--worker-class",
            "gthread",
            "--workers",
            "2",
        ]
        argv += ["--threads", threads, "--timeout", "60", "--graceful-timeout", "5", "--no-control-socket"]
        argv += ["--pid", str(self.home / "run" / "web.pid"), "--name", "qinglian-web"]
        return argv + (["--worker-tmp-dir", "/dev/shm"] if os.access("/dev/shm", os.W_OK) else [])

    def _fail(self, reason: str) -> None:
        tails = []
        for name in ("web", "worker"):
            text = self.log(name).read_text(errors="replace") if self.log(name).exists() else ""
            tails.append(f"--- {self.log(name)} ---\n" + "\n".join(text.splitlines()[-20:]))
        self.stop()
        raise Stop(reason + "\n" + "\n".join(tails))


def port_free(bind: str, port: int) -> bool:
    """Whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((bind, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port on the loopback address that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
