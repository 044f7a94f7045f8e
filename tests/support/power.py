"""A program: cuts the power of a writer of archives again and again, and looks what is left. See ``test_power.py``.

Each writer is a fork of this process, which never has threads. It kills itself before a random one of its calls of the
system, or in the middle of a write.
"""

import contextlib
import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

from kept_archives import Content, about, kept, noise

from interpreterd.contexts.state.backends.directory import DirectoryStore

_CALLS = ("open", "write", "fsync", "rename", "link", "unlink", "ftruncate", "close", "pwrite")
_tell = os.write  # not counted


def content(archive_id: str) -> bytes:
    """Return the content that an archive of this id has."""
    dice = random.Random(archive_id)
    return noise(dice.randrange(200_000), archive_id) + bytes(dice.randrange(50_000))


def cut_power_after(calls: int, *, torn: bool) -> None:
    """Let this process be killed before the call of the system after so many; if ``torn``, in the middle of it."""
    left = calls

    def counted(call: Any) -> Any:
        def counting(*arguments: Any, **more: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                if torn and call is write:
                    call(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **more)

        return counting

    write = os.write
    for name in _CALLS:
        setattr(os, name, counted(getattr(os, name)))


def write_on(path: str, told: int, run: int) -> None:
    """Write, replace and delete archives and records for ever; tell of each only when it is done."""
    store = DirectoryStore(path)
    for number in range(1000):
        archive_id = f"{run}-{number}"
        with contextlib.closing(store.begin("archives")) as writer:
            writer.copy_from(Content(content(archive_id)))
            store.put(writer, about(archive_id))
        _tell(told, f"+{archive_id}\n".encode())
        with contextlib.closing(store.begin("rests")) as writer:
            writer.copy_from(Content(content(f"rest-{run}-{number}")))
            store.put(writer, about("rest", name=f"rest-{run}-{number}"))
        _tell(told, f"r{run}-{number}\n".encode())
        store.write_record("record", [run, number])
        _tell(told, f"j{run}-{number}\n".encode())
        if number % 3 == 2:
            _tell(told, f"?{run}-{number - 1}\n".encode())
            store.delete("archives", f"{run}-{number - 1}")
            _tell(told, f"-{run}-{number - 1}\n".encode())


def check(path: str, told: list[str]) -> None:
    """Raise AssertionError unless all that was told is there, and all that is there is whole."""
    store = DirectoryStore(path)
    there = {it.id for it in store.list("archives")}
    for archive_id in there:
        assert kept(store, archive_id) == content(archive_id), f"{archive_id} is not what was written"
    sure = {it[1:] for it in told if it[0] == "+"} - {it[1:] for it in told if it[0] in "?-"}
    assert sure <= there, f"lost: {sure - there}"
    assert not there & {it[1:] for it in told if it[0] == "-"}, "a deleted archive has come back"
    rests = [it[1:] for it in told if it[0] == "r"]
    if rests:
        with contextlib.closing(store.open("rests", "rest")) as reader:
            assert b"".join(reader.blocks()) == content(reader.info.name)
            assert order(reader.info.name.removeprefix("rest-")) >= order(rests[-1]), "an older one is back"
    records = [it[1:] for it in told if it[0] == "j"]
    if records:
        assert store.records()["record"] >= list(order(records[-1]))
    files = [
        name for folder in ("archives", "rests", "records", ".") for name in os.listdir(os.path.join(path, folder))
    ]
    assert not [it for it in files if it.startswith(".new-")], "something half-written is left"
    for archive_id in there:
        store.delete("archives", archive_id)
    store.close()


def order(text: str) -> tuple[int, ...]:
    """Return the run and the number of an id."""
    return tuple(map(int, text.split("-")))


def main(path: str, seed: str, runs: str) -> None:
    """Cut the power so many times; print how many archives were told to be there."""
    dice = random.Random(seed)
    count = 0
    for run in range(int(runs)):
        ours, theirs = os.pipe()
        calls, torn = dice.randrange(120), dice.random() < 0.5
        if not (pid := os.fork()):
            cut_power_after(calls, torn=torn)
            write_on(path, theirs, run)
        os.close(theirs)
        with open(ours) as file:
            told = file.read().split()
        _, status = os.waitpid(pid, 0)
        assert status == signal.SIGKILL, f"run {run} ended with {status}"
        if Path(path, "archives").exists():
            check(path, told)
        count += sum(it[0] == "+" for it in told)
    print(count)


if __name__ == "__main__":
    main(*sys.argv[1:])
