"""Finding the workers' interpreter, and having it compile the worker."""

import contextlib
import errno
import os
import resource
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from harness import DISGUISE, Client, Daemon

from interpreterd.workers import script

StartDaemon = Callable[..., Awaitable[Daemon]]
Write = Callable[[str], str]


@pytest.fixture
def python(tmp_path: Path) -> Write:
    """Write a script that takes the place of the interpreter, and of the one before; return its path."""

    def write(script: str) -> str:
        new = tmp_path / "new"
        new.write_text(script)
        new.chmod(0o755)
        return str(new.rename(tmp_path / "python"))

    return write


async def worker_of(client: Client) -> dict[str, str]:
    """Return what ``/version`` says of the workers' interpreter."""
    async with client.http.get(client.url + "/version") as response:
        worker: dict[str, str] = (await response.json())["worker"]
        return worker


NO_INTERPRETERS = {
    "exit 3": "is not a Python",
    "echo no such thing >&2": "is not a Python: no such thing",
    "echo a; echo b": "is not a Python",
    "echo a; echo 3.11": "is not a Python",
    "echo a; echo 3.11.0; exit 1": "is not a Python",
    "echo a; echo 3.8.18": "is Python 3.8.18; workers need 3.9 or newer",
    "echo a; echo 2.7.18; exit 1": "is Python 2.7.18; workers need 3.9 or newer",
}


async def test_what_is_no_interpreter_for_workers(start_daemon: StartDaemon, python: Write) -> None:
    path = python("")
    daemon = await start_daemon("--python", path, "--pool-size", "0")
    async with Client(daemon.url) as client:
        told = {}
        for script in NO_INTERPRETERS:
            python(f"#!/bin/sh\n{script}\n")
            told[script] = (await worker_of(client))["error"]
    assert told == {script: f"{path} {why}" for script, why in NO_INTERPRETERS.items()}


async def test_another_interpreter_in_its_place_is_asked_again(start_daemon: StartDaemon, python: Write) -> None:
    """It could not run what the one before has compiled."""
    other = DISGUISE.replace('echo "$0"', 'echo "$0"; echo 3.9.99').replace("+2", "+3") + "exec false\n"
    daemon = await start_daemon("--python", python(other), "--pool-size", "0")
    async with Client(daemon.url) as client:
        assert (await worker_of(client))["python"] == "3.9.99"
        assert (await client.request("POST", "/context"))[0] == 500
        python(f"{DISGUISE}exec '{sys.executable}' \"$@\"\n")
        assert (await client.run("print('well')", await client.create())).stdout == "well\n"
        assert (await worker_of(client))["python"] == ".".join(map(str, sys.version_info[:3]))


def test_lifting_the_limit_of_file_sizes_is_for_a_moment() -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    os.close(script.in_memory(b"x" * 100))
    assert resource.getrlimit(resource.RLIMIT_FSIZE) == before


def test_a_script_that_cannot_be_written_leaves_no_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextlib.contextmanager
    def too_little() -> Iterator[None]:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        yield

    monkeypatch.setattr(script, "_files_of_any_size", too_little)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match="File too large"):
        script.in_memory(b"x")
    assert os.listdir("/proc/self/fd") == before
