"""The blocking and the asyncio client behind one interface: a test awaits the calls of both."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any, Self

from interpreterd.client import AsyncInterpreter, Checkpoint, Context, Interpreter, LocalDaemon

_END = object()
NOBODY = "http://127.0.0.1:9"  # the discard port: no server listens there


class Threaded:
    """Runs each call of an ``Interpreter``, a ``Context`` or a ``Checkpoint`` in a thread."""

    def __init__(self, it: Any) -> None:
        self.it = it

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.it, name)
        if name == "stream":
            return lambda *args, **keys: _iterate(value(*args, **keys))
        return _awaitable(value) if callable(value) else value

    def __getitem__(self, key: str) -> Any:
        return self.it[key]

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.it.__enter__)
        return self

    async def __aexit__(self, *error: Any) -> None:
        await asyncio.to_thread(self.it.__exit__, *error)


def _awaitable(function: Callable[..., Any]) -> Callable[..., Any]:
    async def call(*args: Any, **keys: Any) -> Any:
        return _threaded(await asyncio.to_thread(function, *args, **keys))

    return call


def _threaded(value: Any) -> Any:
    if isinstance(value, list):
        return [_threaded(item) for item in value]
    return Threaded(value) if isinstance(value, Context | Checkpoint) else value


async def _iterate(events: Any) -> AsyncIterator[Any]:
    try:
        while (event := await asyncio.to_thread(next, events, _END)) is not _END:
            yield event
    finally:
        await asyncio.to_thread(events.close)


class Face:
    """Makes blocking clients or asyncio clients."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, url: str | LocalDaemon | None = None, **options: Any) -> Any:
        """Return a client."""
        return Threaded(Interpreter(url, **options)) if self.name == "sync" else AsyncInterpreter(url, **options)

    def local(self, *flags: str) -> Any:
        """Return a client of a private daemon."""
        return Threaded(Interpreter.local(*flags)) if self.name == "sync" else AsyncInterpreter.local(*flags)


@contextlib.asynccontextmanager
async def program(code: str, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a Python program in a new process group for the block; the test reads its stdout."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-c", code, *arguments],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        process._transport.close()  # type: ignore[attr-defined]


async def output_of(code: str, *arguments: str) -> str:
    """Run a Python program that must succeed; return its stdout."""
    async with program(code, *arguments) as process:
        stdout, stderr = await process.communicate()
    assert process.returncode == 0, stderr.decode()
    return stdout.decode()
