"""Fixtures: a daemon as a user starts it, and what watches over every test."""

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import uvloop
from blockbuster import BlockBuster
from harness import Client, Daemon, children

COMMAND = Path(sys.executable).with_name("interpreterd")
ROOT = Path(__file__).parent.parent


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run every test on the loop that the daemon runs on."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(autouse=True)
def no_blocking() -> Iterator[None]:
    """Fail a test in which the event loop's thread waits for a file, a socket or a lock."""
    blocker = BlockBuster(["interpreterd"])
    # proc(5) and a directory's existence: in memory, microseconds.
    for name in ("os.listdir", "os.stat", "os.path.exists", "os.path.isdir", "os.access", "io.BufferedReader.read"):
        if name in blocker.functions:
            blocker.functions[name].can_block_in("interpreterd/family.py", "children")
            blocker.functions[name].can_block_in("interpreterd/family.py", "_state")
            blocker.functions[name].can_block_in("interpreterd/context.py", "check_directory")
    blocker.activate()
    yield
    blocker.deactivate()


@pytest.fixture(autouse=True)
def no_orphans() -> Iterator[None]:
    """Fail a test that leaves a process, or a descriptor, behind."""
    before = set(children(os.getpid()))
    descriptors = len(os.listdir("/proc/self/fd"))
    yield
    left = set(children(os.getpid())) - before
    assert not left, f"processes left: {left}"
    assert len(os.listdir("/proc/self/fd")) <= descriptors + 2, "descriptors left"


@pytest.fixture
async def start_daemon(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Daemon]]]:
    """Start daemons, ``await start_daemon("--flag", "value", env={...})``; they are ended with the test."""
    daemons: list[Daemon] = []

    async def start(*flags: str, env: dict[str, str] | None = None, command: list[str] | None = None) -> Daemon:
        daemon = Daemon(command or [str(COMMAND)], flags, tmp_path, env or {})
        daemons.append(daemon)
        await daemon.start()
        return daemon

    yield start
    for daemon in daemons:
        await daemon.stop()


@pytest.fixture
async def daemon(start_daemon: Callable[..., Awaitable[Daemon]]) -> Daemon:
    """A daemon with the default settings."""
    return await start_daemon()


@pytest.fixture
async def client(daemon: Daemon) -> AsyncIterator[Client]:
    """A client of ``daemon``."""
    async with Client(daemon.url) as client:
        yield client


@pytest.fixture(scope="session")
def pythons() -> dict[str, str]:
    """The CPythons on this machine that a worker must run under: version, as ``3.9``, to path."""
    found = {".".join(map(str, sys.version_info[:2])): sys.executable}
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep)]
    if root := os.environ.get("PYENV_ROOT"):
        folders += sorted(Path(root, "versions").glob("*/bin"))
    for version in ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14"):
        for folder in folders:
            path = shutil.which(f"python{version}", path=str(folder))
            if path and "shims" not in path:
                found.setdefault(version, path)
    return found
