"""What a look at a context has found, from the daemon's JSON; PROTOCOL.md has it."""

from collections.abc import Callable
from typing import Any, TypeVar

from interpreterd.client.contexts import ContextData
from interpreterd.client.errors import UnexpectedAnswer
from interpreterd.model.looks import Cell, Completeness, Completions, Inspection, Variable

_T = TypeVar("_T")


def parse_completions(body: dict[str, Any]) -> Completions:
    """Return completions."""
    return _parsed(
        lambda: Completions(
            matches=tuple(body["matches"]),
            types=tuple(body["types"]),
            cursor_start=body["cursorStart"],
            cursor_end=body["cursorEnd"],
            omitted=body["omitted"],
        )
    )


def parse_inspection(body: dict[str, Any]) -> Inspection:
    """Return an inspection."""
    names = ("found", "name", "type", "kind", "signature", "docstring", "value", "file", "line", "source")
    return _parsed(lambda: Inspection(**{name: body[name] for name in names}))


def parse_completeness(body: dict[str, Any]) -> Completeness:
    """Return whether code is complete."""
    return _parsed(lambda: Completeness(status=body["status"], indent=body["indent"]))


def parse_variables(body: dict[str, Any]) -> list[Variable]:
    """Return variables."""
    names = ("name", "type", "kind", "repr", "size", "length", "dtype")

    def variable(it: dict[str, Any]) -> Variable:
        shape = None if it["shape"] is None else tuple(it["shape"])
        return Variable(**{name: it[name] for name in names}, shape=shape)

    return _parsed(lambda: [variable(it) for it in body["variables"]])


def parse_cells(body: dict[str, Any]) -> list[Cell]:
    """Return cells."""
    return _parsed(
        lambda: [Cell(**{name: it[name] for name in ("number", "source", "output")}) for it in body["cells"]]
    )


def history_query(
    n: int | None, start: int | None, stop: int | None, pattern: str | None, timeout: int | None
) -> dict[str, Any]:
    """Return the query of a request for the history."""
    return {"n": n, "start": start, "stop": stop, "pattern": pattern, "output": "true", "timeout": timeout}


def _parsed(make: Callable[[], _T]) -> _T:
    try:
        return make()
    except (KeyError, TypeError):
        raise UnexpectedAnswer("the answer is not that of a look at a context", 200) from None


def look_body(code: str, cursor: int | None, timeout: int | None, **more: Any) -> dict[str, Any]:
    """Return the body of a request for a look by code."""
    return {"code": code, "cursor": cursor, "timeout": timeout, **more}


class Looks(ContextData):
    """The looks of a context, for callers that wait.

    A look takes its turn like an execution: it waits for the running one, and its ``timeout``, in whole seconds, starts
    after that; default 10, 0: none. It raises ``Refused`` after a timeout or an interrupt.
    """

    def _ask(self, what: str, body: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = vars(self)["_client"].look(self.id, what, body)
        return answer

    def complete(self, code: str, cursor: int | None = None, *, timeout: int | None = None) -> Completions:
        """Return what may stand at ``cursor``, a place in ``code`` in characters; None: its end."""
        return parse_completions(self._ask("complete", look_body(code, cursor, timeout)))

    def inspect(
        self, code: str, cursor: int | None = None, *, detail: int = 0, timeout: int | None = None
    ) -> Inspection:
        """Return what the name at ``cursor`` is; with ``detail`` 1, its source, too."""
        return parse_inspection(self._ask("inspect", look_body(code, cursor, timeout, detail=detail)))

    def is_complete(self, code: str, *, timeout: int | None = None) -> Completeness:
        """Return whether ``code`` could be run as it is, or needs more lines."""
        return parse_completeness(self._ask("isComplete", look_body(code, None, timeout)))

    def variables(self, *, timeout: int | None = None) -> list[Variable]:
        """Return the variables, at most 1,000."""
        return parse_variables(self._ask("variables", {"timeout": timeout}))

    def history(
        self,
        n: int | None = None,
        *,
        start: int | None = None,
        stop: int | None = None,
        pattern: str | None = None,
        timeout: int | None = None,
    ) -> list[Cell]:
        """Return cells that the context's Python has run, with the texts of their results; the oldest first.

        The latest ``n``, perhaps only those whose source is like ``pattern``, as ``"import *"``; or those with the
        numbers from ``start`` to before ``stop``.
        """
        return parse_cells(self._ask("history", history_query(n, start, stop, pattern, timeout)))


class AsyncLooks(ContextData):
    """See ``Looks``. The daemon keeps the time."""

    async def _ask(self, what: str, body: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = await vars(self)["_client"].look(self.id, what, body)
        return answer

    async def complete(self, code: str, cursor: int | None = None, *, timeout: int | None = None) -> Completions:  # noqa: ASYNC109
        """See ``Context.complete``."""
        return parse_completions(await self._ask("complete", look_body(code, cursor, timeout)))

    async def inspect(
        self,
        code: str,
        cursor: int | None = None,
        *,
        detail: int = 0,
        timeout: int | None = None,  # noqa: ASYNC109
    ) -> Inspection:
        """See ``Context.inspect``."""
        return parse_inspection(await self._ask("inspect", look_body(code, cursor, timeout, detail=detail)))

    async def is_complete(self, code: str, *, timeout: int | None = None) -> Completeness:  # noqa: ASYNC109
        """See ``Context.is_complete``."""
        return parse_completeness(await self._ask("isComplete", look_body(code, None, timeout)))

    async def variables(self, *, timeout: int | None = None) -> list[Variable]:  # noqa: ASYNC109
        """See ``Context.variables``."""
        return parse_variables(await self._ask("variables", {"timeout": timeout}))

    async def history(
        self,
        n: int | None = None,
        *,
        start: int | None = None,
        stop: int | None = None,
        pattern: str | None = None,
        timeout: int | None = None,  # noqa: ASYNC109
    ) -> list[Cell]:
        """See ``Context.history``."""
        return parse_cells(await self._ask("history", history_query(n, start, stop, pattern, timeout)))
