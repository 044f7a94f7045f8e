"""Dialects that cost nothing until a client uses them: their modules are imported at their first request.

The folder of such a dialect has a ``routes.py`` with a ``TABLE``, which names its handlers. The tables are read at the
first request that no other dialect has a route for; the modules of a dialect at the first request to its routes.
Both are imported in a thread, so that other clients do not wait.
"""

import importlib
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

from aiohttp import hdrs, web
from attrs import frozen

from interpreterd.background import in_thread
from interpreterd.contexts.service import ContextService
from interpreterd.http.errors import ErrorAnswer, Handler, HttpError, Show
from interpreterd.model.errors import InterpreterError

_DIALECTS: Final = __name__.rpartition(".")[0]


@frozen
class LateRoute:
    """A route of a dialect.

    Attributes:
        path: ``/a/{b}`` has a variable for one segment; ``/a/{b*}`` has one for all that follow. ``request.match_info``
            has the values, decoded.
        handler: ``module:function`` within the dialect's folder; ``await function(state, request)`` returns the answer.
        head: Whether HEAD is answered too, if the method is GET.
        upload: Whether the handler itself lets the client send a body that waits for permission.
        errors: As in ``Table``, if its form of errors is another one than the dialect's.
    """

    method: str
    path: str
    handler: str
    head: bool = True
    upload: bool = False
    errors: str = ""

    @property
    def methods(self) -> set[str]:
        """The methods that it answers."""
        return {self.method, str(hdrs.METH_HEAD)} if self.head and self.method == hdrs.METH_GET else {self.method}


@frozen(kw_only=True)
class Table:
    """What a dialect says of itself before its other modules are imported.

    Attributes:
        errors: ``module:function`` that returns its form of an error: see ``dialect.Dialect.show``.
        state: ``module:Class``, made once for each tenant with its ``ContextService``: the ``state`` of handlers,
            which may have a coroutine ``close``, awaited when the daemon shuts down. Without one, handlers get the
            service itself.
        headers: Names of headers that only its clients send, or ``Name: beginning of the value``. They decide if two
            dialects have the same route.
    """

    routes: tuple[LateRoute, ...]
    errors: str
    state: str = ""
    headers: tuple[str, ...] = ()

    def claims(self, request: web.Request) -> bool:
        """Return whether a header of ``request`` is one of its clients'."""
        parts = (header.partition(": ") for header in self.headers)
        return any(name in request.headers and request.headers[name].startswith(value) for name, _, value in parts)


class LateDialect:
    """A dialect in the folder of its name, within one application."""

    def __init__(self, name: str, service_of: Callable[[web.Request], ContextService]) -> None:
        """``service_of`` says which contexts a request gets; it returns the same object for the same tenant."""
        self.name = name
        self._service_of = service_of
        self._table: Table | None = None
        self._show: Show | None = None
        self._functions: dict[str, Callable[[Any, web.Request], Awaitable[web.StreamResponse]]] = {}
        self._states: dict[ContextService, Any] = {}

    def table(self) -> Table:
        """Return its table; import it, if this is the first time. For a thread."""
        if self._table is None:
            self._table = cast(Table, self._named("routes:TABLE"))
        return self._table

    def load_errors(self) -> None:
        """Import its form of errors. For a thread."""
        self._show = cast(Show, self._named(self.table().errors))

    def show(self, error: InterpreterError | HttpError) -> ErrorAnswer:
        """Return how its clients see ``error``."""
        if self._show is None:
            self.load_errors()
        assert self._show is not None
        return self._show(error)

    def show_of(self, route: LateRoute) -> Show:
        """Return the form of errors of ``route``, for those that come before its handler."""
        if not route.errors:
            return self.show
        return lambda error: cast(Show, self._named(route.errors))(error)

    def handler(self, route: LateRoute) -> Handler:
        """Return the handler of ``route``; its first request imports what it needs."""

        async def handle(request: web.Request) -> web.StreamResponse:
            if route.handler not in self._functions:
                await in_thread(lambda: self._load(route))
            return await self._functions[route.handler](self._state_of(self._service_of(request)), request)

        return handle

    async def close(self) -> None:
        """End what its states hold."""
        for state in self._states.values():
            if hasattr(state, "close"):
                await state.close()

    def _load(self, route: LateRoute) -> None:
        self.load_errors()
        if self.table().state:
            self._named(self.table().state)
        self._functions[route.handler] = self._named(route.handler)

    def _state_of(self, service: ContextService) -> Any:
        """Return the state for the contexts of ``service``: no two tenants share one."""
        if service not in self._states:
            table = self.table()
            self._states[service] = self._named(table.state)(service) if table.state else service
        return self._states[service]

    def _named(self, name: str) -> Any:
        module, _, attribute = name.partition(":")
        return getattr(importlib.import_module(f"{_DIALECTS}.{self.name}.{module}"), attribute)
