"""The place of late dialects among the routes. It imports nothing of them before a request that has no other route."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web
from aiohttp.web_urldispatcher import AbstractResource, AbstractRoute, PlainResource
from yarl import URL

from interpreterd.background import in_thread
from interpreterd.contexts.service import ContextService
from interpreterd.http.errors import ErrorAnswer, HttpError, Show
from interpreterd.model.errors import InterpreterError

if TYPE_CHECKING:
    from interpreterd.dialects.late import LateDialect
    from interpreterd.dialects.late_routes import LateRoutes

_FOUND_BY_ALL: Final = "/{late}"  # aiohttp asks a resource of this form for each path for which it has no other


class Latecomers(AbstractResource):
    """One resource for the routes of all late dialects: ``late_routes`` finds them."""

    def __init__(
        self,
        dialects: Sequence[str],
        service_of: Callable[[web.Request], ContextService],
        base_path: str,
        shows: dict[object, Show],
        router: web.UrlDispatcher,
    ) -> None:
        """``dialects`` are names; for ``service_of`` see ``LateDialect``. For the others see ``LateRoutes``."""
        super().__init__()
        self._names = dialects
        self._service_of = service_of
        self._base_path = base_path
        self._shows = shows
        self._router = router
        self._made: list[LateDialect] | None = None
        self._routes: LateRoutes | None = None

    async def resolve(self, request: web.Request) -> tuple[web.UrlMappingMatchInfo | None, set[str]]:
        """See ``AbstractResource``."""
        return await (await self._found()).resolve(request)

    def first_at(self, path: str) -> AbstractResource:
        """Return a resource for ``path``, which another dialect has too, that finds what headers claim for a late one.

        It is to be registered before the other dialect's.
        """
        return _Claimed(path, self._found)

    def show_first(self, error: InterpreterError | HttpError) -> ErrorAnswer:
        """Return how clients of the first one see ``error``."""
        return self._dialects()[0].show(error)

    async def close(self, app: web.Application) -> None:
        """End what the dialects hold, those that were used; for ``Application.on_shutdown``."""
        for dialect in self._made or ():
            await dialect.close()

    async def _found(self) -> "LateRoutes":
        if self._routes is None:
            await in_thread(_import)
            self._routes = self._find_by()
        return self._routes

    def _find_by(self) -> "LateRoutes":
        from interpreterd.dialects.late_routes import LateRoutes

        if self._routes is not None:  # two first requests have come at once
            return self._routes
        return LateRoutes(self._dialects(), self._base_path, self._shows, self._router, self)

    def _dialects(self) -> "list[LateDialect]":
        from interpreterd.dialects.late import LateDialect

        if self._made is None:
            self._made = [LateDialect(name, self._service_of) for name in self._names]
        return self._made

    @property
    def canonical(self) -> str:
        """See ``AbstractResource``."""
        return _FOUND_BY_ALL

    def url_for(self, **kwargs: str) -> URL:
        """See ``AbstractResource``; nothing asks for it."""
        raise NotImplementedError

    def add_prefix(self, prefix: str) -> None:
        """See ``AbstractResource``; nothing asks for it."""
        raise NotImplementedError

    def get_info(self) -> Any:
        """See ``AbstractResource``."""
        return {"formatter": _FOUND_BY_ALL}

    def raw_match(self, path: str) -> bool:
        """See ``AbstractResource``."""
        return path == _FOUND_BY_ALL

    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Iterator[AbstractRoute]:
        return iter(())


class _Claimed(PlainResource):
    """See ``Latecomers.first_at``."""

    def __init__(self, path: str, routes: "Callable[[], Awaitable[LateRoutes]]") -> None:
        super().__init__(path)
        self._found = routes

    async def resolve(self, request: web.Request) -> tuple[web.UrlMappingMatchInfo | None, set[str]]:
        """See ``AbstractResource``."""
        if request.rel_url.path_safe != self.canonical:
            return None, set()
        return await (await self._found()).resolve_claimed(request), set()

    def raw_match(self, path: str) -> bool:
        """See ``AbstractResource``: a route of the other dialect may not be added here."""
        return False


def _import() -> None:
    """Import what finds routes; for a thread."""
    import interpreterd.dialects.late_routes  # noqa: F401
