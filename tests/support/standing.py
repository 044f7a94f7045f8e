"""Daemons that many tests share, one after the other: a daemon's start costs more than most tests."""

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
    """A daemon that many tests use, one after the other, each with its own contexts.

    Attributes:
        neighbour: A context that must stay unchanged by other contexts.
    """

    url: str
    pid: int
    neighbour: str | None = None


@contextlib.contextmanager
def shared_daemon(folder: Path, *flags: str, env: dict[str, str] | None = None) -> Iterator[SharedDaemon]:
    """Run a daemon for the block. It must then stop on SIGTERM, without a traceback in its log."""
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
    """The daemons that all tests of a process share: one for each choice of flags, started on first use.

    Attributes:
        pids: The pids of the started daemons.
    """

    _new_folder: Callable[[], Path]
    _until: contextlib.ExitStack
    pids: set[int] = field(init=False, factory=set)
    _daemons: dict[tuple[str, ...], SharedDaemon] = field(init=False, factory=dict)

    def get(self, *flags: str) -> SharedDaemon:
        """Return the daemon with ``flags``; start it if needed."""
        if flags not in self._daemons:
            self._daemons[flags] = self._until.enter_context(shared_daemon(self._new_folder(), *flags))
            self.pids.add(self._daemons[flags].pid)
        return self._daemons[flags]


async def tidied(daemon: SharedDaemon) -> None:
    """Delete the contexts that a test has left; restart the default context."""
    async with Client(daemon.url) as client:
        for context in (await client.request("GET", "/contexts"))[1]["contexts"]:
            if context["id"] == "default":
                await client.request("POST", "/context/default/restart?cancelQueued=true")
                await client.run("pass")  # this execution gets the message about the restart, so the next test does not
            else:
                await client.request("DELETE", f"/context/{context['id']}")
