"""An archive whose operation ends while it is committed does not stay: no client knows of it."""

import asyncio
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from giving import GivenWorker
from kept_archives import about, store_at
from soon import soon

from interpreterd.contexts.state.archiving import write_archive
from interpreterd.contexts.state.backends.directory import DirectoryStore
from interpreterd.contexts.state.backends.writing import ArchiveWriter
from interpreterd.model.archives import ArchiveInfo
from interpreterd.pipe.archiving import Archived, WriteArchive


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DirectoryStore]:
    with store_at(tmp_path / "state") as made:
        yield made


async def test_an_archive_that_nobody_is_told_of_is_deleted(
    store: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, begun, may_end, is_put = GivenWorker(), threading.Event(), threading.Event(), threading.Event()
    put = store.put

    def slowly(*args: Any) -> ArchiveInfo:
        begun.set()
        may_end.wait()
        info = put(*args)
        is_put.set()
        return info

    monkeypatch.setattr(store, "put", slowly)
    task = asyncio.create_task(write_archive(store, "archives", worker, lambda _: about("a")))
    await worker.asked_to(WriteArchive)
    fd = await worker.gift()
    os.write(fd, b"abc")
    os.close(fd)
    worker.say(Archived(saved=("x",), skipped=(), modules=(), size_bytes=3))
    await asyncio.to_thread(begun.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    may_end.set()
    await asyncio.to_thread(is_put.wait)
    await soon(lambda: not store.used_bytes)
    assert await asyncio.to_thread(store.list, "archives") == []


async def test_a_file_that_is_begun_for_nobody_is_closed_and_removed(
    store: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, begun, may_end = store.begin, threading.Event(), threading.Event()
    made: list[ArchiveWriter] = []

    def slowly(*args: Any) -> ArchiveWriter:
        begun.set()
        may_end.wait()
        made.append(begin(*args))
        return made[0]

    monkeypatch.setattr(store, "begin", slowly)
    task = asyncio.create_task(write_archive(store, "archives", GivenWorker(), lambda _: about("a")))
    await asyncio.to_thread(begun.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    may_end.set()
    await soon(lambda: bool(made) and not store.used_bytes)
    await soon(lambda: not os.listdir(os.path.join(store.path, "archives")))
