"""Workers without a context, and their copies: for tests of branches."""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from harness import children, state

from interpreterd.model.events import Stream
from interpreterd.model.requests import Execute
from interpreterd.pipe.bundles import Bundle
from interpreterd.pipe.messages import Answer, Asked, Configure, Done, Exiting, FromWorker, Run
from interpreterd.processes.nursery import PR_SET_CHILD_SUBREAPER, Nursery
from interpreterd.workers.branching import Branched, branch
from interpreterd.workers.launcher import launch_configured
from interpreterd.workers.launchers.fork import ForkLauncher
from interpreterd.workers.launchers.spawn import SpawnLauncher
from interpreterd.workers.process import ProcessWorker
from interpreterd.workers.worker import Deaf

START_LIMIT_S = 60


class Known(Nursery):
    """A nursery that says which processes it knows."""

    def __init__(self) -> None:
        super().__init__()
        self.pids: set[int] = set()

    def add(self, pid: int) -> None:
        self.pids.add(pid)
        super().add(pid)

    def remove(self, pid: int) -> None:
        self.pids.discard(pid)
        super().remove(pid)


class Coder(Deaf):
    """The listener of a worker: runs code in it, and keeps what it does."""

    def __init__(self, worker: ProcessWorker) -> None:
        self.worker = worker
        self.text = ""
        self.bundles: list[Bundle] = []
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._messages: asyncio.Queue[FromWorker | None] = asyncio.Queue()
        self._number = 0
        worker.listener = self
        worker.resume_output()

    def on_message(self, message: FromWorker) -> None:
        self._messages.put_nowait(message)

    def on_output(self, stream: Stream, text: str, replaced: int = 0) -> None:
        self.text += text

    def on_display(self, bundle: Bundle) -> None:
        self.bundles.append(bundle)

    def on_broken(self, reason: str) -> None:
        raise AssertionError(reason)

    def on_exit(self, how: str) -> None:
        self.ended.set_result(how)
        self._messages.put_nowait(None)

    def start(self, code: str, **options: Any) -> None:
        """Start ``code``."""
        self._number += 1
        self.worker.send(Run(str(self._number), Execute(code=code, **options), self._number))

    def go_on_from(self, other: "Coder") -> None:
        """Number executions as those that follow on the last one of ``other``."""
        self._number = other._number

    async def message(self) -> FromWorker:
        """Return the next message."""
        message = await self._messages.get()
        assert message is not None, (await self.ended, self.text)
        return message

    async def run(self, code: str, **options: Any) -> str:
        """Run ``code``, which must not fail; return all output since the last call."""
        self.start(code, **options)
        return await self.finish()

    async def finish(self) -> str:
        """Wait for the end of the code; see ``run``."""
        message = await self.message()
        assert isinstance(message, Done | Exiting), message
        assert isinstance(message, Exiting) or message.error is None, message
        text, self.text = self.text, ""
        return text

    async def fails(self, code: str) -> str:
        """Run ``code``, which must fail; return the traceback."""
        self.start(code)
        message = await self.message()
        assert isinstance(message, Done), message
        assert message.error is not None, self.text
        return message.error.traceback

    async def answer(self, text: str) -> str:
        """Answer a question of the code; return the prompt."""
        message = await self.message()
        assert isinstance(message, Asked), message
        self.worker.send(Answer(number=message.number, text=text))
        return message.prompt

    async def end(self) -> None:
        """Kill the worker, and wait until it is gone."""
        if self.worker.exited is None:
            self.worker.kill()
            await self.ended


class Bench:
    """Workers of one launcher, and their copies; all are killed in the end."""

    def __init__(self, cwd: Path, launcher: SpawnLauncher | ForkLauncher, nursery: Known, python: str) -> None:
        self.cwd = cwd
        self.python = python
        self.nursery = nursery
        self._launcher = launcher
        self._coders: list[Coder] = []

    async def worker(self, code: str = "", **options: Any) -> Coder:
        """Return a worker that has run ``code``; ``options`` are of ``Configure``."""
        worker = await launch_configured(self._launcher, Configure(cwd=str(self.cwd), **options), START_LIMIT_S)
        assert isinstance(worker, ProcessWorker)
        coder = self._listen(worker)
        if code:
            await coder.run(code)
        return coder

    def _listen(self, worker: ProcessWorker) -> Coder:
        self._coders.append(Coder(worker))
        return self._coders[-1]

    async def branched(self, coder: Coder, **options: Any) -> tuple[list[Coder], Branched]:
        """Fork a worker; return the copies, and all that is told."""
        told = await branch(coder.worker, **{"purpose": "fork", **options})
        return [self._listen(worker) for worker in told.workers], told

    async def copy(self, coder: Coder, **options: Any) -> Coder:
        """Return one copy of a worker."""
        copies, _ = await self.branched(coder, **options)
        return copies[0]

    async def close(self) -> None:
        """Kill all."""
        for coder in self._coders:
            await coder.end()


@contextlib.asynccontextmanager
async def bench(cwd: Path, launcher: str = "spawn", python: str = sys.executable) -> AsyncIterator[Bench]:
    """Open a bench whose workers are started by this launcher. Meanwhile this process adopts, as a daemon does."""
    others = set(children(os.getpid()))
    prctl = ctypes.CDLL(None).prctl
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    nursery = Known()
    spawner = SpawnLauncher(python=python, nursery=nursery, start_timeout_s=START_LIMIT_S)
    used = (
        spawner
        if launcher == "spawn"
        else ForkLauncher(spawner, modules=(), nursery=nursery, start_timeout_s=START_LIMIT_S)
    )
    it = Bench(cwd, used, nursery, python)
    try:
        yield it
    finally:
        await it.close()
        if isinstance(used, ForkLauncher):
            await used.close()
        while left := set(children(os.getpid())) - others:  # a daemon's next sweep reaps them
            for pid in left:
                if state(pid) != "Z":
                    os.kill(pid, signal.SIGKILL)
                else:
                    os.waitpid(pid, 0)  # noqa: ASYNC222 -- it has ended
            await asyncio.sleep(0.001)
        spawner.close()
        prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
    assert nursery.pids == set()
