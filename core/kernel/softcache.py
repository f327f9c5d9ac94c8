"""Django's Redis cache that a lost Redis turns into an empty cache: what is read is a miss, what is written is dropped.

Nothing that decides a right or counts a failed sign-in is kept in the cache (lock-outs are rows of the database), so an
empty one costs time and nothing else. After a failure Redis is left alone for a few seconds.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.redis import RedisCache

log = logging.getLogger(__name__)

#: Seconds of rest after a failure.
REST = 5.0


class SoftRedisCache(RedisCache):
    """Answers like an empty cache while Redis is away."""

    _lock = threading.Lock()
    _until = 0.0

    def add(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None) -> bool:
        """As Django's; True while away: to the caller the place was free."""
        return self._soft(True, super().add, key, value, timeout, version)

    def get(self, key: Any, default: Any = None, version: Any = None) -> Any:
        """As Django's; the default while away."""
        return self._soft(default, super().get, key, default, version)

    def set(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None) -> None:
        """As Django's; nothing while away."""
        self._soft(None, super().set, key, value, timeout, version)

    def touch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None) -> bool:
        """As Django's; False while away."""
        return self._soft(False, super().touch, key, timeout, version)

    def delete(self, key: Any, version: Any = None) -> bool:
        """As Django's; False while away."""
        return self._soft(False, super().delete, key, version)

    def get_many(self, keys: Any, version: Any = None) -> dict[Any, Any]:
        """As Django's; nothing while away."""
        return self._soft({}, super().get_many, keys, version)

    def has_key(self, key: Any, version: Any = None) -> bool:
        """As Django's; False while away."""
        return self._soft(False, super().has_key, key, version)

    def incr(self, key: Any, delta: int = 1, version: Any = None) -> int:
        """As Django's; ValueError (no such key) while away."""
        found = self._soft(None, super().incr, key, delta, version)
        if found is None:
            raise ValueError(f"Key {key!r} not found")
        return found

    def set_many(self, data: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None) -> list[Any]:
        """As Django's; every key as not stored while away."""
        return self._soft(list(data), super().set_many, data, timeout, version)

    def delete_many(self, keys: Any, version: Any = None) -> None:
        """As Django's; nothing while away."""
        self._soft(None, super().delete_many, keys, version)

    def clear(self) -> bool:
        """As Django's; False while away."""
        return self._soft(False, super().clear)

    def _soft(self, instead: Any, call: Callable[..., Any], *arguments: Any) -> Any:
        import redis

        if time.monotonic() < SoftRedisCache._until:
            return instead
        try:
            return call(*arguments)
        except (redis.ConnectionError, redis.TimeoutError, OSError) as error:
            with SoftRedisCache._lock:
                first = time.monotonic() > SoftRedisCache._until
                SoftRedisCache._until = time.monotonic() + REST
            if first:
                log.warning("Redis does not answer, going on without a cache: %s", error)
            return instead
