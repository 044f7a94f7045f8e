"""The files of a context, as dialects see them: all work on them is done by threads, in pieces of some milliseconds.

If the context's worker runs as a user of its own, the threads work with that user's rights.
"""

import asyncio
import resource
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Final, Generic, Self, TypeVar

from interpreterd.files.deleting import delete_below
from interpreterd.files.listing import list_files
from interpreterd.files.reading import ReadableFile
from interpreterd.files.rights import acting_as, drop_groups
from interpreterd.files.settings import FileSettings
from interpreterd.files.writing import NewFile
from interpreterd.model.errors import LimitReached
from interpreterd.model.file_errors import FileError
from interpreterd.model.files import FileCondition, FileInfo, FilePage

TRANSFERS_LIMIT: Final = 256
TRANSFERS_SHARE: Final = 16  # the share of all descriptors: each transfer holds up to three
DELETE_LIMIT_S: Final = 60.0
_threads: Final = ThreadPoolExecutor(8, thread_name_prefix="files")
# For users of contexts: these threads have no supplementary groups.
_others_threads: Final = ThreadPoolExecutor(8, thread_name_prefix="users-files", initializer=drop_groups)
_T = TypeVar("_T")
_F = TypeVar("_F", ReadableFile, NewFile)


class Transfers:
    """Counts the files that clients read and write at the moment."""

    def __init__(self) -> None:
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.limit = TRANSFERS_LIMIT if soft < 0 else max(1, min(TRANSFERS_LIMIT, soft // TRANSFERS_SHARE))
        self.count = 0

    def begin(self) -> None:
        """Count one more. Raises ``LimitReached``."""
        if self.count >= self.limit:
            raise LimitReached(f"too many files are being transferred: the limit is {self.limit}")
        self.count += 1

    def end(self) -> None:
        """One has ended."""
        self.count -= 1


class LocalFiles:
    """See ``service.ContextFiles``."""

    def __init__(
        self, directory: str, settings: FileSettings, transfers: Transfers, *, user: int | None = None
    ) -> None:
        """Serve what is below ``directory``, absolute and without symbolic links, with the rights of ``user``."""
        self._directory = directory
        self._user = user
        self._settings = settings
        self._transfers = transfers

    async def list(self, *, glob: str | None = None, after: str | None = None) -> FilePage:
        return await on_files_thread(lambda: list_files(self._directory, glob, after), self._user)

    def reading(self, path: str) -> "LocalDownload":
        return LocalDownload(lambda: ReadableFile.open(self._directory, path), self._transfers, self._user)

    def writing(self, path: str, condition: FileCondition, *, size_bytes: int | None = None) -> "LocalUpload":
        limit_bytes = self._settings.file_limit_bytes
        return LocalUpload(
            lambda: NewFile(self._directory, path, condition, size_bytes=size_bytes, limit_bytes=limit_bytes),
            self._transfers,
            self._user,
        )

    async def delete(self, path: str, condition: FileCondition, *, recursive: bool = False) -> None:
        steps = delete_below(self._directory, path, condition, recursive=recursive)
        turn = threading.Lock()  # a cancelled request ends while a thread still works for it

        def step() -> bool:
            with turn:
                return next(steps, True) is True

        def close() -> None:
            with turn:
                steps.close()

        until = time.monotonic() + DELETE_LIMIT_S
        try:
            while not await on_files_thread(step, self._user):
                if time.monotonic() > until:
                    raise FileError(f"the deletion took longer than {DELETE_LIMIT_S:g} s; repeat it to go on")
        finally:
            await on_files_thread(close, self._user)


class _Transfer(Generic[_F]):
    """A file that is open, and counts, within its block."""

    def __init__(self, open_file: Callable[[], _F], transfers: Transfers, user: int | None) -> None:
        self._open: Callable[[], _F] = open_file
        self._user = user
        self._transfers = transfers
        self._file: _F | None = None

    async def __aenter__(self) -> Self:
        self._transfers.begin()
        try:
            self._file = await on_files_thread(self._open, self._user)
        except BaseException:
            self._transfers.end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._transfers.end()
        await on_files_thread(self._opened.close, self._user)

    @property
    def _opened(self) -> _F:
        assert self._file is not None, "within its block"
        return self._file


class LocalDownload(_Transfer[ReadableFile]):
    """See ``service.Download``."""

    @property
    def info(self) -> FileInfo:
        return self._opened.info

    async def read(self, offset: int, size: int) -> bytes:
        file = self._opened
        return await on_files_thread(lambda: file.read(offset, size), self._user)


class LocalUpload(_Transfer[NewFile]):
    """See ``service.Upload``."""

    async def write(self, data: bytes) -> None:
        file = self._opened
        await on_files_thread(lambda: file.write(data), self._user)

    async def commit(self) -> tuple[FileInfo, bool]:
        return await on_files_thread(self._opened.commit, self._user)


async def on_files_thread(work: Callable[[], _T], user: int | None) -> _T:
    """Run ``work`` with the rights of ``user``; None is the daemon's."""
    loop = asyncio.get_running_loop()
    if user is None:
        return await loop.run_in_executor(_threads, work)

    def work_as_user() -> _T:
        with acting_as(user):
            return work()

    return await loop.run_in_executor(_others_threads, work_as_user)
