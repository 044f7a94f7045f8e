"""``client.files``: files of a context, by both clients."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from clients import Face
from proxy import Cut, Proxy

from interpreterd.client import ConnectionLost, ContextNotFound, FileEntry, InvalidArgument, Refused
from interpreterd.client.files import FileEntry as Described


async def test_a_files_way_there_and_back(py: Any, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "here").mkdir()
    (tmp_path / "in put.csv").write_bytes(b"a,b\n" * 1000)
    async with await py.create_context(cwd=tmp_path / "there") as context:
        sent = await context.upload(tmp_path / "in put.csv")
        assert (sent.path, sent.kind, sent.size, sent.mime_type) == ("in put.csv", "file", 4000, "text/csv")
        assert (await context.upload(bytearray(b"x"), "d/é%2F?#")).path == "d/é%2F?#"
        await context.execute("open('out', 'w').write(open('in put.csv').read())")
        assert [file.path for file in await context.files()] == ["d", "d/é%2F?#", "in put.csv", "out"]
        assert [file.path for file in await context.files("*.csv")] == ["in put.csv"]
        assert await context.download("out") == b"a,b\n" * 1000
        assert await context.download("out", tmp_path / "here") == tmp_path / "here" / "out"
        assert await context.download("d/é%2F?#", str(tmp_path / "here" / "new")) == tmp_path / "here" / "new"
        await context.delete_file("d", recursive=True)
        assert [file.path for file in await context.files("d*")] == []
    assert sorted(os.listdir(tmp_path / "here")) == ["new", "out"]
    assert (tmp_path / "here" / "new").read_bytes() == b"x"


async def test_what_cannot_be_is_an_error_with_its_code(py: Any, tmp_path: Path) -> None:
    async with await py.create_context(cwd=tmp_path) as context:
        for name, code in (("../x", "invalid_path"), ("/etc/passwd", "invalid_path"), ("x", "file_not_found")):
            with pytest.raises(Refused) as refused:
                await context.download(name, tmp_path / "kept")
            assert refused.value.code == code
        assert os.listdir(tmp_path) == []
        with pytest.raises(TypeError, match="name must be given"):
            await context.upload(b"x")
        with pytest.raises(InvalidArgument, match="name cannot be sent"):
            await context.download("\ud800")
        with pytest.raises(FileNotFoundError):
            await context.upload(tmp_path / "nothing")
        await context.delete()
        with pytest.raises(ContextNotFound):
            await context.files()


async def test_a_download_that_breaks_off_leaves_nothing(face: Face, through: Proxy, tmp_path: Path) -> None:
    await asyncio.to_thread((tmp_path / "there").mkdir)
    await asyncio.to_thread((tmp_path / "there" / "large").write_bytes, b"x" * (1 << 20))
    through.plans.append(Cut(100_000))
    async with face(through.url) as client:
        context = await client.create_context(cwd=tmp_path / "there")
        with pytest.raises(ConnectionLost):
            await context.download("large", tmp_path / "kept")
        await context.delete()
    assert os.listdir(tmp_path) == ["there"]


def test_a_file_is_described_by_the_daemons_json() -> None:
    body = {"path": "d", "type": "directory", "size": None, "mimeType": None, "modifiedAt": "2026-01-01T00:00:00Z"}
    file = FileEntry.of(body)
    assert (file.path, file.kind, file.size, file.modified_at.year) == ("d", "directory", None, 2026)
    assert FileEntry is Described
