"""The files of a context whose worker has a user of its own: clients may do there what the context's code may."""

import asyncio
import os
from pathlib import Path

import pytest

from interpreterd.contexts.files import LocalFiles, Transfers
from interpreterd.files.settings import FileSettings
from interpreterd.model.file_errors import FileForbidden
from interpreterd.model.files import ANYHOW

USER = 122_002
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only a superuser may act as others")


@pytest.fixture
def files(tmp_path: Path) -> LocalFiles:
    """Return the files of a context of ``USER`` in a directory of its own, with a file and a folder of the daemon's."""
    (tmp_path / "inside" / "closed").mkdir(parents=True)
    (tmp_path / "inside" / "closed").chmod(0o700)
    (tmp_path / "inside" / "closed" / "file").touch()
    (tmp_path / "inside" / "secret").write_text("secret")
    (tmp_path / "inside" / "secret").chmod(0o600)
    os.chown(tmp_path / "inside", USER, USER)
    tmp_path.chmod(0o700)
    return LocalFiles(str(tmp_path.resolve() / "inside"), FileSettings(), Transfers(), user=USER)


async def test_an_upload_belongs_to_the_context(files: LocalFiles, tmp_path: Path) -> None:
    async with files.writing("new/file", ANYHOW) as upload:
        await upload.write(b"data")
        await upload.commit()
    for made in (tmp_path / "inside" / "new", tmp_path / "inside" / "new" / "file"):
        found = await asyncio.to_thread(made.stat)
        assert (found.st_uid, found.st_gid) == (USER, USER)
    async with files.reading("new/file") as download:
        assert await download.read(0, 10) == b"data"
    await files.delete("new", ANYHOW, recursive=True)
    assert not await asyncio.to_thread((tmp_path / "inside" / "new").exists)


async def test_a_file_that_its_code_may_not_read_is_refused(files: LocalFiles) -> None:
    with pytest.raises(FileForbidden, match="permission denied: secret"):
        async with files.reading("secret"):
            pass


async def test_a_folder_that_its_code_may_not_enter_is_neither_listed_nor_written_nor_emptied(
    files: LocalFiles, tmp_path: Path
) -> None:
    assert [it.path for it in (await files.list()).files] == ["closed", "secret"]
    with pytest.raises(FileForbidden):
        async with files.writing("closed/new", ANYHOW):
            pass
    with pytest.raises(FileForbidden):
        await files.delete("closed", ANYHOW, recursive=True)
    assert await asyncio.to_thread(os.listdir, tmp_path / "inside" / "closed") == ["file"]


async def test_the_files_of_others_have_the_daemons_rights_at_the_same_time(files: LocalFiles) -> None:
    daemons = LocalFiles(os.path.dirname(files._directory), FileSettings(), Transfers())

    async def reads_as_daemon() -> bytes:
        async with daemons.reading("inside/secret") as download:
            return await download.read(0, 10)

    async def is_refused() -> bool:
        try:
            async with files.reading("secret"):
                return False
        except FileForbidden:
            return True

    for read, refused in await asyncio.gather(*(asyncio.gather(reads_as_daemon(), is_refused()) for _ in range(50))):
        assert (read, refused) == (b"secret", True)
