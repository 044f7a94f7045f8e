"""The disk space of contexts: how much the files below their directories have grown since their creation.

The kernel does not say who has written a file. While a context is the only one with a directory, all growth there is
its own. A directory that contexts share grows for each of them by as much as its own processes have written, at most.

A tree is walked only if the file system has less room than before, so that walks cost nothing while nobody writes; and
now and then all the same, since others may have made room meanwhile.
"""

import asyncio
import contextlib
import logging
import os
import resource
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import attrs

from interpreterd.background import supervised
from interpreterd.model.errors import WorkerStartFailed
from interpreterd.model.limits import size_in_words
from interpreterd.pipe.messages import Configure
from interpreterd.processes.trees import TREE_ENTRIES_LIMIT, TreeSize, Walk, measure
from interpreterd.processes.usage import STUCK_S
from interpreterd.processes.written import deleted_bytes, written_bytes
from interpreterd.workers.directories import Directories

WALK_SLICE_S: Final = 0.02
REST_PER_WALK: Final = 10  # for all walks together
WALK_EVERY_S: Final = 30.0
CLOSED_EVERY_S: Final = 1.0  # while a context waits to be let write again
LEAST_CHANGE_BYTES: Final = 64 << 10
ROOM_SHARE: Final = 8  # a tree is walked when the file system has lost this part of the room that the context has left
_TOO_MANY = f"there are more than {TREE_ENTRIES_LIMIT} files"
_log = logging.getLogger(__name__)


class Disk:
    """The disk space of one context, and its limit. Methods that measure run on threads, one at a time.

    Attributes:
        used_bytes: What its directories have grown by; below 0 if they have shrunk.
        pids: Its worker and all descendants, as they were last seen.
        walking: The task that measures it, while that goes on.
    """

    def __init__(self, limit_bytes: int, directories: tuple[str, ...], all_directories: Directories) -> None:
        self.used_bytes = 0
        self.pids: tuple[int, ...] = ()
        self.walked_at = 0.0
        self.walking: asyncio.Task[None] | None = None
        self._limit_bytes = limit_bytes
        self._directories = directories
        self._all = all_directories
        self._sizes: dict[str, TreeSize] = {}
        self._at_first: dict[str, TreeSize] = {}
        self._free: dict[str, int] = {}
        self._free_seen = self._free
        self._written: int | None = 0
        self._is_settled = True
        self._measuring = asyncio.Lock()
        self._told_bytes: int | None = None
        self._is_told_again = False
        self._is_closed = False

    @property
    def is_beyond(self) -> bool:
        """Whether the context has more than its limit."""
        return self.used_bytes > self._limit_bytes

    async def begin(self, message: Configure) -> Configure:
        """Measure before a worker starts, and return its configuration.

        A context beyond its limit may read and delete files, but not write. Its processes may write again once it is
        within its limit; if they have got around this before, only those of its next worker.

        Raises:
            WorkerStartFailed: The directories cannot be measured.
        """
        try:
            async with asyncio.timeout(STUCK_S), self._measuring:
                await asyncio.to_thread(self._begin)
        except TimeoutError:
            raise WorkerStartFailed(f"the files of the context could not be counted within {STUCK_S:g} s") from None
        except OSError as error:
            raise WorkerStartFailed(f"the files of the context cannot be counted: {error.strerror}") from error
        except RuntimeError as error:  # no thread can be started
            raise WorkerStartFailed(f"the files of the context cannot be counted: {error}") from error
        self._is_closed = self.is_beyond
        if not self.is_beyond:
            return message
        return attrs.evolve(message, file_bytes=0 if self._is_told_again else message.file_bytes, writes=False)

    async def settle(self) -> None:
        """Count what the worker has left, once it is dead; what others write from then on is not its context's."""
        async with self._measuring:
            with contextlib.suppress(OSError):
                await asyncio.to_thread(self._settle)

    def _settle(self) -> None:
        self._see_free()
        self._take({directory: measure(directory) for directory in self._directories}, None)
        self._written, self._is_settled = 0, True

    def _begin(self) -> None:
        self._see_free()
        sizes = {directory: measure(directory) for directory in self._directories}
        for directory, size in sizes.items():
            if size.entries >= TREE_ENTRIES_LIMIT and directory not in self._at_first:
                raise WorkerStartFailed(f"a limit of its disk space cannot be had: {_TOO_MANY} in {directory}")
        self._take(sizes, 0 if self._is_settled else None)
        self._written, self._is_settled = 0, False
        self.pids = ()

    def _see_free(self) -> None:
        self._free_seen = {directory: _free_bytes(directory) for directory in self._directories}

    def is_due(self, free_bytes: Callable[[str, int], int], now: float) -> bool:
        """Return whether a walk may show something new; ``free_bytes`` tells the room on a device, by a directory."""
        least = max(LEAST_CHANGE_BYTES, (self._limit_bytes - self.used_bytes) // ROOM_SHARE)
        self._free_seen = {directory: free_bytes(directory, size.device) for directory, size in self._sizes.items()}
        every_s = CLOSED_EVERY_S if self._is_closed else WALK_EVERY_S
        return now - self.walked_at >= every_s or any(
            self._free[directory] - free >= least for directory, free in self._free_seen.items()
        )

    def walks(self) -> dict[str, Walk]:
        """Return a walk for each directory, for ``judge``."""
        return {directory: Walk(directory) for directory in self._directories}

    def judge(self, walks: dict[str, Walk]) -> str | None:
        """Take what ``walks``, which have ended, have counted; return the exceeded limit."""
        pids = self.pids
        self._take({directory: walk.size for directory, walk in walks.items()}, written_bytes(pids))
        self.used_bytes += (deleted := deleted_bytes(pids, self._directories))
        try:
            return self._judge()
        finally:
            self.used_bytes -= deleted

    def _judge(self) -> str | None:
        for directory, size in self._sizes.items():
            if not self._all.is_shared(directory):
                before = self._at_first[directory]
                if size.entries >= TREE_ENTRIES_LIMIT > before.entries:
                    return f"its disk limit cannot be checked: {_TOO_MANY} in {directory}"
                if size.unseen > before.unseen:
                    return f"its disk limit cannot be checked: a directory in {directory} cannot be looked into"
        if not self.is_beyond:
            self._told_bytes, self._is_told_again = None, False
            if self._is_closed:
                self._open()
            return None
        if self._told_bytes is not None:
            if self.used_bytes <= self._told_bytes + LEAST_CHANGE_BYTES:
                return None
            self._is_told_again = True
        self._told_bytes = self.used_bytes
        return f"disk limit of {size_in_words(self._limit_bytes)} exceeded"

    def _take(self, sizes: dict[str, TreeSize], written: int | None) -> None:
        """Add up what the directories have grown by; ``written`` is what the family has written since it began."""
        own = None if written is None or self._written is None else max(written - self._written, 0)
        grown, grown_together = 0, 0
        for directory, size in sizes.items():
            self._at_first.setdefault(directory, size)
            growth = size.size_bytes - self._sizes.get(directory, size).size_bytes
            if self._all.is_shared(directory):
                grown_together += growth
            else:
                grown += growth
        if own is not None:  # what has made its own directories grow has not been written to the others
            grown_together = min(grown_together, max(own - max(grown, 0), 0))
        # What others have deleted makes no room for this context.
        self.used_bytes += grown + max(grown_together, min(-self.used_bytes, 0))
        self._sizes, self._written = sizes, written
        self._free = self._free_seen
        self.walked_at = time.monotonic()

    def _open(self) -> None:
        """Let the processes write files again, as long as the kernel lets this daemon."""
        self._is_closed = False
        for pid in self.pids:
            with contextlib.suppress(OSError, ValueError):
                _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, most))


def _free_bytes(directory: str) -> int:
    found = os.statvfs(directory)
    return found.f_bfree * found.f_frsize


class DiskWalker:
    """Walks the directories of contexts on a thread of its own: a file system may never answer.

    The walks take turns, in slices, and rest ten times as long as they work.
    """

    def __init__(self, tasks: asyncio.TaskGroup) -> None:
        """Run in ``tasks``."""
        self._tasks = tasks
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="disk")
        self._turn = asyncio.Lock()

    async def check(self, disks: Mapping[Disk, Callable[[str], None]]) -> None:
        """Begin to measure those of ``disks`` that are due; call their function with each excess."""
        idle = [disk for disk in disks if disk.walking is None]
        for disk in await asyncio.get_running_loop().run_in_executor(self._thread, _find_due, idle):
            disk.walking = supervised(
                self._tasks, self._measure(disk, disks[disk]), _log, "a disk could not be measured"
            )

    async def _measure(self, disk: Disk, tell: Callable[[str], None]) -> None:
        loop = asyncio.get_running_loop()
        walks = disk.walks()
        try:
            for walk in walks.values():
                is_counted = False
                while not is_counted:
                    async with self._turn:
                        before_s = walk.cost_s
                        is_counted = await loop.run_in_executor(self._thread, walk.go_on, WALK_SLICE_S)
                        await asyncio.sleep(REST_PER_WALK * (walk.cost_s - before_s))
            if excess := await loop.run_in_executor(self._thread, disk.judge, walks):
                tell(excess)
        except OSError as error:  # the directory is gone, and does not grow; or there are no descriptors
            disk.walked_at = time.monotonic()
            _log.info("the files of a context cannot be counted: %s", error)
        finally:
            disk.walking = None
            for walk in walks.values():
                self._thread.submit(walk.close)  # there, since it may just be at work there


def _find_due(disks: list[Disk]) -> list[Disk]:
    now, free = time.monotonic(), dict[int, int]()

    def free_bytes(directory: str, device: int) -> int:
        if device not in free:
            free[device] = _free_bytes(directory)
        return free[device]

    due = []
    for disk in disks:
        with contextlib.suppress(OSError):
            if disk.is_due(free_bytes, now):
                due.append(disk)
    return sorted(due, key=lambda disk: disk.walked_at)
