"""Daemons that many tests use, one after the other: to start one costs more than most tests do."""

import contextlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from attrs import define, field
from harness import COMMAND, STOP_LIMIT_S, Client


@define
class SharedDaemon:
    """A daemon that many tests use, one after the other, each in contexts of its own.

    Attributes:
        neighbour: A context that must not be touched by what happens in others.
    """

    url: str
    pid: int
    neighbour: str | None = None


@contextlib.contextmanager
def shared_daemon(folder: Path, *flags: str, env: dict[str, str] | None = None) -> Iterator[SharedDaemon]:
    """Run a daemon for the block. At its end it must end as it is told to, and have logged no mistake of its own."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    with open(folder / "log", "w") as log:
        process = subprocess.Popen(
            [COMMAND, "serve", "--port", "0", *flags],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=folder,
            env=inherited | (env or {}),
        )
    assert process.stdout is not None
    with process.stdout:
        announced = json.loads(process.stdout.readline())
    try:
        yield SharedDaemon(announced["url"], announced["pid"])
        process.terminate()
        status = process.wait(STOP_LIMIT_S)
    finally:
        process.kill()
        process.wait()
    logged = (folder / "log").read_text()
    assert (status, "Traceback" in logged, "cannot be killed" in logged) == (0, False, False), logged


@define
class StandingDaemons:
    """Daemons that all tests of a process use: one for each choice of flags, started when it is first wanted.

    Attributes:
        pids: Of those that have been started.
    """

    _new_folder: Callable[[], Path]
    _until: contextlib.ExitStack
    pids: set[int] = field(init=False, factory=set)
    _daemons: dict[tuple[str, ...], SharedDaemon] = field(init=False, factory=dict)

    def get(self, *flags: str) -> SharedDaemon:
        """Return the one that has been started with ``flags``."""
        if flags not in self._daemons:
            self._daemons[flags] = self._until.enter_context(shared_daemon(self._new_folder(), *flags))
            self.pids.add(self._daemons[flags].pid)
        return self._daemons[flags]


async def tidied(daemon: SharedDaemon) -> None:
    """End the contexts that a test has left; the default one gets a new worker."""
    async with Client(daemon.url) as client:
        for context in (await client.request("GET", "/contexts"))[1]["contexts"]:
            if context["id"] == "default":
                await client.request("POST", "/context/default/restart?cancelQueued=true")
                await client.run("pass")  # it is told of the restart, the next test is not
            else:
                await client.request("DELETE", f"/context/{context['id']}")
