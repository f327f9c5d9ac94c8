"""Web, database, Redis: does it answer, and how quickly."""

import http.client
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connections

from core.settings.values import values
from core.status.registry import Metric, Said, bad, ok, warn

#: A trivial question that takes longer than this (seconds) is slow.
SLOW = 0.5
_answering: ContextVar[bool] = ContextVar("answering", default=False)


def web() -> Said:
    """This process if it is the web, else what /health on the configured port says."""
    if _answering.get():
        return ok("网站在应答。")
    port = values().port
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(values().bind, values().bind)
    connection = http.client.HTTPConnection(host, port, timeout=3)
    try:
        name = next((one for one in settings.ALLOWED_HOSTS if one and "*" not in one), "localhost")
        connection.request("GET", "/health", headers={"Host": name, "X-Forwarded-Proto": "https"})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return bad(
            f"网站没有在端口 {port} 应答。",
            "请启动网站：systemctl start qinglian-web（单机试用为 make up）。",
        )
    finally:
        connection.close()
    if status != 200:
        return bad(f"网站在应答，但健康检查没有通过（{status}）。", "请看下面标为“不正常”的各项，逐项处理。")
    return ok("网站在应答，健康检查通过。")


def database() -> Said:
    """One question to the database, timed."""
    connection = connections["default"]
    kind = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}.get(connection.vendor, connection.vendor)
    began = time.monotonic()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Exception:  # any failure of any driver means the same to the operator
        return bad(
            f"数据库（{kind}）没有应答。已保存的内容不受影响；恢复之前不能查看和保存。",
            "请检查数据库服务器：systemctl status postgresql，以及网络；恢复后网站会自行接上，不用重启。"
            if connection.vendor == "postgresql"
            else "请检查数据目录所在的磁盘是否已满或只读。",
        )
    seconds = time.monotonic() - began
    figures = (("种类", kind), ("应答", f"{seconds * 1000:.0f} 毫秒"))
    metrics: tuple[Metric, ...] = (("database_answer_seconds", {}, round(seconds, 4)),)
    if seconds > SLOW:
        return warn(
            f"数据库应答很慢（{seconds:.1f} 秒）。",
            "请检查数据库服务器的负载和网络。",
            figures=figures,
            metrics=metrics,
        )
    return ok("数据库在应答。", figures=figures, metrics=metrics)


def redis() -> Said:
    """A PING with a short limit; where no Redis is set, the built-in queue is what is used."""
    if not (url := values().redis_url):
        return ok("没有使用 Redis，队列在数据目录里。", figures=(("种类", "内置"),))
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    began = time.monotonic()
    client: Any = Redis.from_url(
        url,
        socket_connect_timeout=2,
        socket_timeout=2,
        retry=Retry(NoBackoff(), 0),  # type: ignore[abstract]
    )
    try:
        client.ping()
    except Exception:  # gone, slow, wrong password: the operator looks at the server
        place = urlsplit(url).hostname or "本机"
        return bad(
            f"Redis（{place}）没有应答。查看和保存不受影响；后台任务都已记下，恢复后自行接着做。",
            "请检查 Redis：systemctl status redis-server，以及网络；恢复后不用重启网站和后台。",
        )
    finally:
        client.close()
    seconds = time.monotonic() - began
    figures = (("应答", f"{seconds * 1000:.0f} 毫秒"),)
    metrics: tuple[Metric, ...] = (("redis_answer_seconds", {}, round(seconds, 4)),)
    if seconds > SLOW:
        return warn(
            f"Redis 应答很慢（{seconds:.1f} 秒）。", "请检查 Redis 所在机器的负载和网络。",
            figures=figures, metrics=metrics,
        )  # fmt: skip
    return ok("Redis 在应答。", figures=figures, metrics=metrics)


@contextmanager
def answering() -> Iterator[None]:
    """The block is the web at work: it need not ask itself over the network."""
    token = _answering.set(True)
    try:
        yield
    finally:
        _answering.reset(token)
