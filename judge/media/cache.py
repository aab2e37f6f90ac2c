"""A cache that is bounded by the bytes it holds."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class ByteCache(Generic[T]):
    """The values used last, by key, ``max_bytes`` in all. May be shared between threads."""

    def __init__(self, max_bytes: int, size: Callable[[T], int]) -> None:
        self._max_bytes = max_bytes
        self._size = size
        self._values: OrderedDict[str, T] = OrderedDict()
        self._lock = Lock()
        self.held = 0
        """Bytes of all values held now."""

    def get(self, key: str, make: Callable[[], T]) -> T:
        """The value of that key, made if it is not held. One larger than the cache is not kept."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        value = make()
        with self._lock:
            if key not in self._values:  # another thread may have made it meanwhile
                self._values[key] = value
                self.held += self._size(value)
            while self.held > self._max_bytes:
                _, oldest = self._values.popitem(last=False)
                self.held -= self._size(oldest)
        return value
