"""PostgreSQL, Redis and Elasticsearch of the tests' own: installed where absent, started in a temporary folder, ended with the run."""

import ctypes
import http.client
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts import searchnode
from scripts.say import Stop, say
from scripts.stack import free_port

PACKAGES = ("postgresql", "redis-server", "chromium", "fonts-noto-cjk", "maven", "nginx-light", "openssl")


def install_missing() -> None:
    """Install the Debian packages that are absent. Raises Stop with the apt line where we may not."""
    missing = [package for package in PACKAGES if not _present(package)]
    if not missing:
        return
    line = f"apt-get install {' '.join(missing)}"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise Stop(f"测试需要的系统软件还缺：{'、'.join(missing)}。请以 root 运行：{line}")
    say(f"正在安装系统软件：{'、'.join(missing)} …")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing],
    ):
        done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            raise Stop(f"{' '.join(command)} 没有成功：\n{(done.stdout + done.stderr).strip()[-1500:]}")
    if still := [package for package in missing if not _present(package)]:
        raise Stop(f"装过之后仍找不到：{'、'.join(still)}。请以 root 运行：{line}")


@contextmanager
def postgresql() -> Iterator[str]:
    """A throw-away PostgreSQL cluster on a free loopback port; yields its URL."""
    binaries, port = _postgres_binaries(), free_port()
    if binaries is None:
        raise Stop("没有找到 PostgreSQL。请以 root 运行：apt-get install postgresql")
    user = "postgres" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="qinglian-pg-") as folder:
        if user:
            account = pwd.getpwnam(user)
            os.chown(folder, account.pw_uid, account.pw_gid)
        data = f"{folder}/data"
        command = [
            str(binaries / "initdb"),
            "-D",
            data,
            "-A",
            "trust",
            "-U",
            "postgres",
            "--no-sync",
            "-E",
            "UTF8",
        ]
        done = subprocess.run(
            [*command, "--locale=C.UTF-8"],
            user=user,
            cwd=folder,
            capture_output=True,
            text=True,
            env=_plain_env(),
        )
        if done.returncode:
            raise Stop(f"initdb 没有成功：\n{(done.stdout + done.stderr).strip()[-1500:]}")
        options = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": folder,
            "max_connections": "120",
        }
        options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "jit": "off"}
        settings = [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
        server = [str(binaries / "postgres"), "-D", data, "-p", str(port), *settings]

        def ready() -> bool:
            ask = [str(binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
            return subprocess.run(ask, capture_output=True).returncode == 0

        with _server(server, ready, user=user, folder=folder, end=signal.SIGINT):
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"


@contextmanager
def redis() -> Iterator[str]:
    """A throw-away Redis on a free loopback port; yields its URL."""
    binary, port = shutil.which("redis-server"), free_port()
    if binary is None:
        raise Stop("没有找到 Redis。请以 root 运行：apt-get install redis-server")
    with tempfile.TemporaryDirectory(prefix="qinglian-redis-") as folder:
        command = [
            binary,
            "--port",
            str(port),
            "--bind",
            "127.0.0.1",
            "--dir",
            folder,
            "--save",
            "",
            "--appendonly",
            "no",
        ]

        def ready() -> bool:
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=1) as line:
                    line.sendall(b"PING\r\n")
                    return line.recv(16).startswith(b"+PONG")
            except OSError:
                return False

        with _server(command, ready, user=None, folder=folder, end=signal.SIGTERM):
            yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def elasticsearch() -> Iterator[str]:
    """A throw-away Elasticsearch node on a free loopback port; yields its URL."""
    java, classes, jars = searchnode.ready()
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="qinglian-es-") as folder:
        command = [
            str(java),
            "-Xms384m",
            "-Xmx384m",
            "-XX:+UseSerialGC",
            "--enable-native-access=ALL-UNNAMED",
        ]
        command += ["-Dio.netty.noUnsafe=true", "-Dlog4j2.disable.jmx=true", f"-Djava.io.tmpdir={folder}"]
        command += ["-cp", f"{classes}:{jars}/*", "qinglian.Server", str(port), f"{folder}/node"]

        def ready() -> bool:
            line = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            try:
                line.request("GET", "/_cluster/health?wait_for_status=yellow&timeout=1s")
                answer = line.getresponse()
                return answer.status == 200 and json.load(answer)["status"] in {"yellow", "green"}
            except (OSError, ValueError, http.client.HTTPException):
                return False
            finally:
                line.close()

        with _server(command, ready, user=None, folder=folder, end=signal.SIGTERM, wait=180):
            yield f"http://127.0.0.1:{port}"


@contextmanager
def _server(
    command: list[str],
    ready: Callable[[], bool],
    *,
    user: str | None,
    folder: str,
    end: int,
    wait: float = 60,
) -> Iterator[None]:
    log = Path(folder, "log")
    with log.open("wb") as output:
        child = subprocess.Popen(
            command,
            user=user,
            cwd=folder,
            env=_plain_env(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - no threads here
        )
    try:
        until = time.monotonic() + wait
        while not ready():
            if child.poll() is not None or time.monotonic() > until:
                raise Stop(f"{command[0]} 没有启动成功：\n{log.read_text(errors='replace')[-1500:]}")
            time.sleep(0.1)
        yield
    finally:
        child.send_signal(end)
        try:
            child.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def _die_with_parent() -> None:
    """A killed test run leaves no server behind (PR_SET_PDEATHSIG = 1)."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def _plain_env() -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "QINGLIAN_"))
    }
    return {**kept, "LC_ALL": "C.UTF-8"}


def _postgres_binaries() -> Path | None:
    """Debian keeps them out of PATH; the newest version wins."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    other = shutil.which("initdb")
    return Path(other).resolve().parent if other else None


def _present(package: str) -> bool:
    if package == "postgresql":
        return _postgres_binaries() is not None
    if package == "fonts-noto-cjk":
        return any(Path("/usr/share/fonts").rglob("*CJK*"))
    if package == "maven":
        return shutil.which("mvn") is not None
    if package == "nginx-light":
        return shutil.which("nginx") is not None
    return shutil.which(package) is not None
