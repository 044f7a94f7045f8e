"""The disk space that archives may take up together, those that are being written included."""

import threading
from typing import Final

from interpreterd.model.errors import LimitReached

LEAST_FILE_BYTES: Final = 4096  # which a file takes up, however small


class Room:
    """Counts bytes by the names of files, and by writers."""

    def __init__(self, limit_bytes: int | None) -> None:
        self.limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._sizes: dict[object, int] = {}
        self._used_bytes = 0

    @property
    def used_bytes(self) -> int:
        """What is counted now."""
        return self._used_bytes

    def count(self, owner: object, size_bytes: int, *, checked: bool = True) -> None:
        """From now on, ``owner`` takes up ``size_bytes``. Raises ``LimitReached``, without a change, if ``checked``."""
        size_bytes = max(size_bytes, LEAST_FILE_BYTES)
        with self._lock:
            used_bytes = self._used_bytes + size_bytes - self._sizes.get(owner, 0)
            if checked and self.limit_bytes is not None and used_bytes > self.limit_bytes:
                raise LimitReached(
                    f"archives may take up {self.limit_bytes} bytes together (--archives-total-bytes), and there is no "
                    "room for this one: delete others"
                )
            self._sizes[owner], self._used_bytes = size_bytes, used_bytes

    def forget(self, owner: object) -> None:
        """``owner`` takes up nothing any more."""
        with self._lock:
            self._used_bytes -= self._sizes.pop(owner, 0)

    def move(self, owner: object, to: object) -> None:
        """Let ``to`` take up what ``owner`` has, in place of what it had."""
        with self._lock:
            size_bytes = self._sizes.pop(owner, 0)
            self._used_bytes -= self._sizes.get(to, 0)
            self._sizes[to] = size_bytes
