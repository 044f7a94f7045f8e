"""Finds the routes of all late dialects in their tables."""

from collections.abc import Mapping, Sequence
from typing import Final, NoReturn

from aiohttp import hdrs, web
from aiohttp.web_urldispatcher import AbstractResource, ResourceRoute
from attrs import frozen

from interpreterd.background import in_thread
from interpreterd.dialects.late import LateDialect, LateRoute
from interpreterd.http.bodies import go_on
from interpreterd.http.errors import Show
from interpreterd.http.uploads import not_yet

_ALLOWED: Final[web.RequestKey[set[str]]] = web.RequestKey("_ALLOWED", set[str])  # the methods of a path


@frozen
class _Found:
    """A route at the path of a request, and the values of the path's variables."""

    dialect: LateDialect
    late: LateRoute
    values: Mapping[str, str]
    route: ResourceRoute


class LateRoutes:
    """Finds the route of a request in the tables of ``dialects``, at the root and below ``base_path``.

    If several dialects have the route, the headers of the request choose, and otherwise the order of the dialects.
    """

    def __init__(
        self,
        dialects: Sequence[LateDialect],
        base_path: str,
        shows: dict[object, Show],
        router: web.UrlDispatcher,
        resource: AbstractResource,
    ) -> None:
        """``shows`` gets the form of errors of a route. ``router`` has all resources, ``resource``, which asks, too."""
        self._resource = resource
        self._router = router
        self._dialects = dialects
        self._base_path = base_path
        self._shows = shows
        self._plain: dict[str, list[tuple[LateDialect, LateRoute, ResourceRoute]]] = {}
        self._known: dict[str, list[_Found]] = {}  # of paths without variables
        self._others: list[tuple[list[str], tuple[LateDialect, LateRoute, ResourceRoute]]] = []
        self._refusals = {id(it): self._refusal(it) for it in dialects}
        self._misses = {id(it): self._miss(it) for it in dialects}
        self._read = False

    async def resolve(self, request: web.Request) -> tuple[web.UrlMappingMatchInfo | None, set[str]]:
        """See aiohttp's ``AbstractResource``."""
        await self._read_tables()
        found = self._find(request.rel_url.path_safe)
        if not found:
            return await self._nothing(request), set()
        fitting = [it for it in found if request.method in it.late.methods]
        best = next((it for it in fitting if it.dialect.table().claims(request)), (fitting or found)[0])
        if fitting:
            return web.UrlMappingMatchInfo(dict(best.values), best.route), set()
        allowed = {method for it in found if it.dialect is best.dialect for method in it.late.methods}
        if await self._is_elsewhere(request):  # the answer is that of the other resource, with the methods of both
            return None, allowed
        request[_ALLOWED] = allowed
        return web.UrlMappingMatchInfo({}, self._refusals[id(best.dialect)]), set()

    async def resolve_claimed(self, request: web.Request) -> web.UrlMappingMatchInfo | None:
        """Return the route of ``request`` in the dialect that its headers name; None if they name none with a route."""
        await self._read_tables()
        for it in self._find(request.rel_url.path_safe):
            if request.method in it.late.methods and it.dialect.table().claims(request):
                return web.UrlMappingMatchInfo(dict(it.values), it.route)
        return None

    async def _nothing(self, request: web.Request) -> web.UrlMappingMatchInfo | None:
        """Return a route that finds nothing, in the form of the dialect whose client asks; None if that is not known.

        A path that another dialect has, with other methods, is left to it.
        """
        asked = next((it for it in self._dialects if it.table().claims(request)), None)
        if asked is None or await self._is_elsewhere(request):
            return None
        return web.UrlMappingMatchInfo({}, self._misses[id(asked)])

    async def _is_elsewhere(self, request: web.Request) -> bool:
        """Return whether a dialect that is not late has the path, with other methods."""
        for resource in self._router.resources():
            if resource is not self._resource and (await resource.resolve(request))[1]:
                return True
        return False

    async def _read_tables(self) -> None:
        if not self._read:
            await in_thread(self._import_tables)
            self._index()

    def _import_tables(self) -> None:
        for dialect in self._dialects:
            dialect.table()

    def _index(self) -> None:
        if self._read:  # two first requests have come at once
            return
        self._read = True
        for dialect in self._dialects:
            for late in dialect.table().routes:
                handler = dialect.handler(late)
                self._shows[handler] = dialect.show_of(late)
                route = ResourceRoute(
                    late.method,
                    handler,
                    self._resource,
                    expect_handler=not_yet if late.upload else go_on,
                )
                entry = (dialect, late, route)
                if "{" in late.path:
                    self._others.append((late.path.split("/"), entry))
                else:
                    self._plain.setdefault(late.path, []).append(entry)

    def _find(self, path: str) -> list[_Found]:
        """Return all routes at ``path``; those without variables first."""
        if path in self._known:
            return self._known[path]
        paths = [path]
        if self._base_path and path.startswith(self._base_path + "/"):
            paths.append(path.removeprefix(self._base_path))
        found = [_Found(*it[:2], {}, it[2]) for path in paths for it in self._plain.get(path, ())]
        for path in paths:
            segments = path.split("/")
            for pattern, entry in self._others:
                values = matched(pattern, segments)
                if values is not None:
                    found.append(_Found(*entry[:2], values, entry[2]))
        if any(it in self._plain for it in paths):  # these are not many, whatever clients ask for
            self._known[path] = found
        return found

    def _refusal(self, dialect: LateDialect) -> ResourceRoute:
        """Return a route for requests whose method no route of ``dialect`` at their path has."""

        async def refuse(request: web.Request) -> NoReturn:
            allowed = request[_ALLOWED]
            raise web.HTTPMethodNotAllowed(request.method, sorted(allowed))

        self._shows[refuse] = dialect.show
        return ResourceRoute(hdrs.METH_ANY, refuse, self._resource)

    def _miss(self, dialect: LateDialect) -> ResourceRoute:
        """Return a route for requests of a client of ``dialect`` for a path that nothing is at."""

        async def miss(request: web.Request) -> NoReturn:
            raise web.HTTPNotFound

        self._shows[miss] = dialect.show
        return ResourceRoute(hdrs.METH_ANY, miss, self._resource)


def matched(pattern: Sequence[str], segments: Sequence[str]) -> dict[str, str] | None:
    """Return the values of the variables of a path's ``pattern``, or None if ``segments`` do not have its form."""
    values: dict[str, str] = {}
    for number, part in enumerate(pattern):
        if part.endswith("*}"):
            rest = "/".join(segments[number:])
            return values | {part[1:-2]: _unquote(rest)} if rest else None
        if number == len(segments):
            return None
        if part.startswith("{"):
            if not segments[number]:
                return None
            values[part[1:-1]] = _unquote(segments[number])
        elif part != segments[number]:
            return None
    return values if len(pattern) == len(segments) else None


def _unquote(text: str) -> str:
    """Return ``text``, of yarl's ``path_safe``, decoded."""
    return text.replace("%2F", "/").replace("%25", "%") if "%" in text else text
