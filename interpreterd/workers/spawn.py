"""Starting a worker as a subprocess of the daemon."""

import asyncio
from collections.abc import Iterable
from typing import cast

from interpreterd.processes.nursery import Nursery
from interpreterd.workers.endings import start_failure
from interpreterd.workers.pipes import both_ends
from interpreterd.workers.process import ProcessWorker


class _ExitWatch(asyncio.SubprocessProtocol):
    """Tells a worker of its end, also of an end that came before there was a worker to tell."""

    def __init__(self) -> None:
        self._worker: ProcessWorker | None = None
        self._transport: asyncio.SubprocessTransport | None = None
        self._ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.SubprocessTransport, transport)

    def process_exited(self) -> None:
        self._ended = True
        if self._worker is not None and self._transport is not None:
            self._worker.process_exited(self._transport.get_returncode(), self._transport.get_pid())
            self._transport.close()
            self._worker = self._transport = None  # breaks a cycle

    def watch(self, worker: ProcessWorker) -> None:
        self._worker = worker
        if self._ended:
            self.process_exited()


async def spawn(
    command: list[str],
    *,
    arguments: Iterable[str],
    script_fd: int,
    environment: dict[str, str],
    nursery: Nursery,
    timeout_s: float,
    is_for_isolation: bool = False,
) -> ProcessWorker:
    """Start ``command`` and wait until it is ready.

    ``command`` inherits ``script_fd``, and gets three arguments, see ``worker/boot.py``, and then ``arguments``.

    Raises:
        WorkerStartFailed: It cannot be started, ended at once, said something else, or took longer than ``timeout_s``.
    """
    watch = _ExitWatch()
    try:
        with both_ends() as (ours, theirs):
            async with nursery.birth():
                transport, _ = await asyncio.get_running_loop().subprocess_exec(
                    lambda: watch,
                    *command,
                    str(theirs.stdout_fd),
                    str(theirs.display_fd),
                    ("0" if nursery.guarded else "1") + ("c" if is_for_isolation else ""),
                    *arguments,
                    stdin=theirs.channel.fileno(),
                    stdout=theirs.channel.fileno(),
                    stderr=theirs.stderr_fd,
                    pass_fds=(script_fd, theirs.stdout_fd, theirs.display_fd),
                    start_new_session=True,
                    env=environment,
                    cwd="/",
                )
                worker = ProcessWorker(transport.get_pid(), ours, nursery)
                nursery.add(worker.pid)
    except OSError as error:
        raise start_failure(error, command[0]) from error
    watch.watch(worker)
    await worker.ready(timeout_s)
    return worker
