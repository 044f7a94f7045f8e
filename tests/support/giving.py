"""A fake worker that is given descriptors, and backends of state for it."""

import os

from fake_worker import FakeLauncher, FakeWorker

from interpreterd.pipe.archiving import AwaitingGift, Given, Load, WriteArchive
from interpreterd.pipe.messages import Configured, ToWorker


class GivenWorker(FakeWorker):
    """A ``FakeWorker`` that takes descriptors. The test closes what it takes.

    Attributes:
        refuses: Whether no descriptor can be sent to it.
    """

    def __init__(self, pid: int = 1) -> None:
        super().__init__(pid, answer=Configured())
        self.refuses = False
        self._fds: list[int] = []

    def send_with_fds(self, message: ToWorker, fds: list[int]) -> None:
        """See ``ProcessWorker``."""
        if self.refuses:
            raise BrokenPipeError(32, "Broken pipe")
        self._fds += [os.dup(fd) for fd in fds]
        self.send(message)

    async def asked_to(self, kind: type[WriteArchive] | type[Load]) -> WriteArchive | Load:
        """Wait for such a request; say that it reads."""
        message = await self.told()
        assert isinstance(message, kind), message
        self.say(AwaitingGift())
        return message

    async def gift(self) -> int:
        """Wait for a descriptor."""
        message = await self.told()
        assert isinstance(message, Given), message
        (fd,) = self._fds
        self._fds.clear()
        return fd


class GivenLauncher(FakeLauncher):
    """Launches workers of this kind."""

    def stock_up(self) -> GivenWorker:
        """Return the worker that is launched next."""
        worker = GivenWorker(2000 + len(self.stock))
        self.stock.append(worker)
        return worker
