"""A successor that is not ready in time is killed; one that cannot be started, or must not be, is told."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from unittest import mock

import pytest
from blockbuster import BlockBuster

from interpreterd import upgrading
from interpreterd.processes.nursery import Nursery
from interpreterd.upgrading import UpgradeFailed, start_successor


@pytest.fixture(autouse=True)
def no_limits(no_blocking: BlockBuster) -> None:
    """Let ``Popen`` wait until its child has begun to run another program."""
    no_blocking.deactivate()


async def failure(nursery: Nursery | None = None) -> str:
    listening = mock.Mock(listeners=[])
    with pytest.raises(UpgradeFailed) as caught:
        await start_successor(listening, nursery or Nursery(), {}, None)
    return str(caught.value)


def starts(code: str, started: list["subprocess.Popen[bytes]"]) -> object:
    """Return what starts Python with ``code``, which knows its end of the pipe as ``fd``, in place of a daemon."""

    def spawn(variables: Mapping[str, str], fds: Iterable[int]) -> "subprocess.Popen[bytes]":
        (fd,) = fds
        process = subprocess.Popen([sys.executable, "-c", f"fd = {fd}\n{code}"], pass_fds=[fd])
        started.append(process)
        return process

    return spawn


async def test_a_successor_that_is_late_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    monkeypatch.setattr(upgrading, "START_LIMIT_S", 0.01)
    monkeypatch.setattr(upgrading, "_spawn", starts("import signal; signal.pause()", started))
    assert await failure() == "it was not ready within 0.01 s"
    assert await asyncio.to_thread(started[0].wait) == -9


async def test_a_successor_that_says_something_else_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upgrading, "_spawn", starts("import os; os.write(fd, b'x\\n')", []))
    assert (await failure()).startswith("it has ended with status 0")


async def test_a_successor_that_cannot_be_started_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def spawn(variables: Mapping[str, str], fds: Iterable[int]) -> "subprocess.Popen[bytes]":
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(upgrading, "_spawn", spawn)
    assert await failure() == "it cannot be started: No such file or directory"


async def test_the_first_process_of_a_container_starts_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getpid", lambda: 1)
    assert await failure() == "this daemon is the first process of its container, which ends with it"
