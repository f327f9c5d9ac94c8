"""DuckDB for lists over lines: one instance per process, one cursor per thread, opened after a fork."""

import os
import threading
from typing import Any

#: A web process's share of memory; workers give theirs through `configure`.
_options: dict[str, Any] = {
    "memory_limit": "512MB",
    "threads": 2,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
_lock = threading.Lock()
_instance: tuple[int, Any] | None = None
_local = threading.local()


def configure(**options: Any) -> None:
    """Change DuckDB's settings, before the first query of the process."""
    _options.update(options)


def connection() -> Any:
    """This thread's Ibis connection."""
    import ibis

    kept = getattr(_local, "found", None)
    if kept and kept[0] == os.getpid():
        return kept[1]
    backend = ibis.duckdb.from_connection(_database().cursor())
    _local.found = (os.getpid(), backend)
    return backend


def _database() -> Any:
    global _instance
    import duckdb

    with _lock:
        if _instance is None or _instance[0] != os.getpid():
            _instance = (os.getpid(), duckdb.connect(":memory:", config=_options))
        return _instance[1]
