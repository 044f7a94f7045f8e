"""Which daemon the tools use: the one at a URL, or a private one; it is not looked for before the first call."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final, Protocol

from interpreterd.client import AsyncInterpreter, ClientError, LocalDaemon, StartFailed

ORIGIN: Final = "interpreterd mcp"


class Private(Protocol):
    """A daemon that this process starts."""

    def start(self) -> str:
        """Start it; return its URL. Blocks."""


class DaemonClient:
    """A client of the chosen daemon, which the first call opens."""

    def __init__(self, url: str | None, private: Callable[[], Private] | None) -> None:
        """Use the daemon at ``url``; where that is None, or ``private`` is given and no daemon answers there, another.

        ``private`` makes that one.
        """
        self._url = url
        self._private = private
        self._started: Private | None = None
        self._py: AsyncInterpreter | None = None
        self._opening = asyncio.Lock()

    async def client(self) -> AsyncInterpreter:
        """Return a client of the daemon; the first call looks for it, or starts it.

        Raises:
            ClientError: There is none; the next call tries again.
        """
        if self._py is not None:
            return self._py
        async with self._opening:
            if self._py is None:
                self._py = AsyncInterpreter(await self._find(), origin=ORIGIN, session=True)
            return self._py

    @property
    def opened(self) -> AsyncInterpreter | None:
        """The client, if a call has opened it."""
        return self._py

    async def lost(self) -> bool:
        """The daemon does not answer; return whether the next call starts another one."""
        if self._started is None or self._py is None:
            return False
        py, self._py = self._py, None
        if isinstance(self._started, LocalDaemon):
            await asyncio.to_thread(self._started.stop)
            self._started = None
        await py.close()
        return True

    async def close(self) -> None:
        """End all connections, and a private daemon that is to end with this process."""
        if self._py is not None:
            await self._py.close()
        if isinstance(self._started, LocalDaemon):
            await asyncio.to_thread(self._started.stop)

    async def _find(self) -> str:
        if self._url is not None and (self._private is None or await _answers(self._url)):
            return self._url
        assert self._private is not None
        if self._started is None:
            self._started = self._private()
        try:
            return await asyncio.to_thread(self._started.start)
        except OSError as error:
            self._started = None
            raise StartFailed(str(error.strerror or error)) from error
        except StartFailed:
            self._started = None
            raise


async def _answers(url: str) -> bool:
    """Return whether a daemon answers there."""
    py = AsyncInterpreter(url, origin=ORIGIN)
    try:
        with contextlib.suppress(ClientError):
            await py.list_contexts()
            return True
        return False
    finally:
        await py.close()
