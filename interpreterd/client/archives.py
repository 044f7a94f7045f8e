"""The archives of a daemon, for both faces of the client."""

import os
from pathlib import Path
from typing import TypeVar

from interpreterd.client import archive_requests as requests
from interpreterd.client.context_files import Work
from interpreterd.client.files import FileSource
from interpreterd.client.state import Archive

_T = TypeVar("_T")


class Archives:
    """The methods of a client for archives. All need a daemon with ``--state-dir``.

    An archive is given by its id or name, or as what ``save`` or ``archives`` has returned. Of several archives with a
    name, the latest counts.
    """

    def _request(self, work: Work[_T]) -> _T:
        raise NotImplementedError

    def archives(self) -> list[Archive]:
        """Return all archives of the daemon, oldest first."""
        return [Archive(body) for body in self._request(requests.ask_archives)]

    def get_archive(self, archive: str | Archive) -> Archive:
        """Return an archive. Raises ``ArchiveNotFound``."""
        return Archive(self._request(lambda core: requests.ask_archive_info(core, archive)))

    def delete_archive(self, archive: str | Archive) -> None:
        """Delete an archive. Raises ``ArchiveNotFound``."""
        self._request(lambda core: requests.drop_archive(core, archive))

    def download_archive(self, archive: str | Archive, to: str | os.PathLike[str]) -> Path:
        """Write an archive to the local path or directory ``to``; return the path. Only pieces are in memory.

        ``upload_archive`` brings it to another daemon, which can load it if it has the same key.
        """
        return self._request(lambda core: requests.fetch_archive(core, archive, to))

    def upload_archive(self, source: FileSource, archive: str | Archive | None = None) -> Archive:
        """Give the daemon an archive that was downloaded: a local file, or its content; return it.

        ``archive`` is its id; None: the file has the name that ``download_archive`` gives to files in a directory.
        """
        return Archive(self._request(lambda core: requests.send_archive(core, source, archive)))


class AsyncArchives:
    """The methods of a client for archives, as coroutines. See ``Archives``."""

    async def _request(self, work: Work[_T]) -> _T:
        raise NotImplementedError

    async def archives(self) -> list[Archive]:
        """See ``Interpreter.archives``."""
        return [Archive(body) for body in await self._request(requests.ask_archives)]

    async def get_archive(self, archive: str | Archive) -> Archive:
        """See ``Interpreter.get_archive``."""
        return Archive(await self._request(lambda core: requests.ask_archive_info(core, archive)))

    async def delete_archive(self, archive: str | Archive) -> None:
        """See ``Interpreter.delete_archive``."""
        await self._request(lambda core: requests.drop_archive(core, archive))

    async def download_archive(self, archive: str | Archive, to: str | os.PathLike[str]) -> Path:
        """See ``Interpreter.download_archive``."""
        return await self._request(lambda core: requests.fetch_archive(core, archive, to))

    async def upload_archive(self, source: FileSource, archive: str | Archive | None = None) -> Archive:
        """See ``Interpreter.upload_archive``."""
        return Archive(await self._request(lambda core: requests.send_archive(core, source, archive)))
