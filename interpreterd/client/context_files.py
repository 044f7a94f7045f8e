"""The methods for the files and the stats of a context, of both faces of the client."""

import os
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar, overload

from interpreterd.client.contexts import ContextData
from interpreterd.client.core import ClientCore
from interpreterd.client.files import FileEntry, FileSource

_T = TypeVar("_T")
Work = Callable[[ClientCore], Coroutine[Any, Any, _T]]


class RunRequest(Protocol):
    """Runs a request of the client, and waits for its answer."""

    def __call__(self, work: Work[_T], /) -> _T: ...


class RunRequestAsync(Protocol):
    """Runs a request of the client."""

    def __call__(self, work: Work[_T], /) -> Awaitable[_T]: ...


class ContextWithFiles(ContextData):
    """A context with the methods for its files and stats."""

    def __init__(self, data: Mapping[str, Any], ask: RunRequest) -> None:
        super().__init__(data)
        self._request = ask

    def upload(self, source: FileSource, name: str | None = None) -> FileEntry:
        """Write a file below the context's directory; return it.

        ``source`` is the path of a local file, or the content as bytes. ``name`` is the path there; None: the local
        file's name. Missing directories are made. The file is there at once when all of it has arrived.
        """
        return self._request(lambda core: core.upload(self.id, source, name))

    @overload
    def download(self, name: str) -> bytes: ...
    @overload
    def download(self, name: str, to: str | os.PathLike[str]) -> Path: ...
    def download(self, name: str, to: str | os.PathLike[str] | None = None) -> bytes | Path:
        """Return the content of a file, or write it to the local path or directory ``to``, and return the path."""
        return self._request(lambda core: core.download(self.id, name, to))

    def files(self, glob: str | None = None) -> list[FileEntry]:
        """Return what is below the context's directory; ``glob`` selects: ``*``, ``**/*.csv``."""
        return self._request(lambda core: core.files(self.id, glob))

    def delete_file(self, name: str, *, recursive: bool = False) -> None:
        """Delete a file or an empty directory; a directory with everything in it if ``recursive``."""
        self._request(lambda core: core.delete_file(self.id, name, recursive))

    def stats(self) -> dict[str, Any]:
        """Return what the context uses now and has done; PROTOCOL.md has the keys."""
        return self._request(lambda core: core.stats(self.id))


class AsyncContextWithFiles(ContextData):
    """A context with the methods for its files and stats, as coroutines."""

    def __init__(self, data: Mapping[str, Any], ask: RunRequestAsync) -> None:
        super().__init__(data)
        self._request = ask

    async def upload(self, source: FileSource, name: str | None = None) -> FileEntry:
        """See ``Context.upload``."""
        return await self._request(lambda core: core.upload(self.id, source, name))

    @overload
    async def download(self, name: str) -> bytes: ...
    @overload
    async def download(self, name: str, to: str | os.PathLike[str]) -> Path: ...
    async def download(self, name: str, to: str | os.PathLike[str] | None = None) -> bytes | Path:
        """See ``Context.download``."""
        return await self._request(lambda core: core.download(self.id, name, to))

    async def files(self, glob: str | None = None) -> list[FileEntry]:
        """See ``Context.files``."""
        return await self._request(lambda core: core.files(self.id, glob))

    async def delete_file(self, name: str, *, recursive: bool = False) -> None:
        """See ``Context.delete_file``."""
        await self._request(lambda core: core.delete_file(self.id, name, recursive))

    async def stats(self) -> dict[str, Any]:
        """See ``Context.stats``."""
        return await self._request(lambda core: core.stats(self.id))
