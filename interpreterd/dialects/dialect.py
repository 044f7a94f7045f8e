"""A dialect: its name, its routes, and how it shows errors."""

from collections.abc import Iterable, Mapping
from typing import Protocol, TypeVar

from aiohttp import web

from interpreterd.contexts.service import ContextService
from interpreterd.http.errors import ErrorAnswer, HttpError
from interpreterd.model.errors import InterpreterError

_Row = TypeVar("_Row")


class Dialect(Protocol):
    """One API that clients speak. The application mounts it at its root, and once more below its base path."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    def routes(self, service: ContextService) -> Iterable[web.RouteDef]:
        """Return its routes: their handlers reach contexts only by ``service``. No two dialects share a route."""
        ...

    def show(self, error: InterpreterError | HttpError) -> ErrorAnswer:
        """Return how its clients see ``error``, of any kind."""
        ...


def row(table: Mapping[type[InterpreterError], _Row], error: InterpreterError) -> _Row:
    """Return the row for the type of ``error`` or, if there is none, for its nearest base that has one.

    ``table`` has a row for ``InterpreterError``.
    """
    return next(table[kind] for kind in type(error).__mro__ if kind in table)
