"""Workers in cgroups of their own: how they get there, and how the cgroups go."""

import asyncio
import contextlib
import logging
import os
from collections.abc import Iterator
from typing import Final

from interpreterd.model.errors import WorkerStartFailed
from interpreterd.model.limits import Limits, size_in_words
from interpreterd.processes.cgroups import CONTROLLERS, Cgroup, Cgroups, find
from interpreterd.processes.guard import Guard
from interpreterd.workers.watcher import OWN_THREADS
from interpreterd.workers.worker import Worker

KILLED: Final = "killed by SIGKILL"
CGROUP_EVERY_S: Final = 0.05
CGROUP_LIMIT_S: Final = 2.0  # a process may wait for the kernel, or be traced
_log = logging.getLogger(__name__)


@contextlib.contextmanager
def cgroups_for(setting: str, guard: Guard) -> Iterator[Cgroups | None]:
    """Find the cgroups that ``setting`` asks for, for the block; the daemon moves itself and ``guard`` if it must.

    Raises ``CgroupError``. Blocks, some 15 ms at times.
    """
    pids = [os.getpid(), guard.pid]
    if guard.loader is not None:
        pids.append(os.getppid())
    cgroups = find(setting, tuple(pids))
    if cgroups is not None:
        missing = [name for name in CONTROLLERS if name not in cgroups.controllers]
        _log.info("contexts have cgroups below %s", cgroups.name)
        if missing:
            _log.warning("cgroups of contexts have no controller %s: they do not limit that", ", ".join(missing))
    try:
        yield cgroups
    finally:
        if cgroups is not None:
            cgroups.close()


async def entered(cgroups: Cgroups, worker: Worker, limits: Limits, own: Cgroup | None = None) -> Cgroup:
    """Move ``worker`` to a new cgroup, or to its context's ``own``, where parked copies are. If that fails, kill it.

    Raises:
        WorkerStartFailed: With the reason.
    """
    processes = None if limits.processes is None else limits.processes + OWN_THREADS
    try:
        if own is not None:
            await asyncio.to_thread(own.join, worker.pid)
            return own
        return await asyncio.to_thread(cgroups.enter, worker.pid, memory_bytes=limits.memory_bytes, processes=processes)
    except BaseException as error:
        worker.kill()
        if isinstance(error, OSError | RuntimeError):
            reason = getattr(error, "strerror", None) or error
            raise WorkerStartFailed(f"the worker cannot be moved to a cgroup: {reason}") from error
        raise


def with_memory_told(how: str, cgroup: Cgroup, limits: Limits) -> str:
    """Return how a worker ended: by the memory limit, if the kernel killed it for that."""
    if limits.memory_bytes is not None and how.startswith(KILLED) and cgroup.was_out_of_memory():
        return f"memory limit of {size_in_words(limits.memory_bytes)} exceeded" + how.removeprefix(KILLED)
    return how


async def removed(cgroup: Cgroup) -> None:
    """Kill what is left in ``cgroup``, and remove it; give up after ``CGROUP_LIMIT_S``."""
    if await asyncio.to_thread(cgroup.remove):
        return
    await asyncio.to_thread(cgroup.kill)
    for _ in range(int(CGROUP_LIMIT_S / CGROUP_EVERY_S)):
        await asyncio.sleep(CGROUP_EVERY_S)
        if await asyncio.to_thread(cgroup.remove):
            return
    _log.warning("the cgroup %s cannot be removed: a process is left there", cgroup.path)
