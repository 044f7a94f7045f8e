"""The tools: what each of them does with a daemon. This module knows no MCP."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

from interpreterd.client import (
    AsyncContext,
    AsyncInterpreter,
    ClientError,
    ConnectionFailed,
    ContextNotFound,
    InvalidArgument,
)
from interpreterd.mcp.answers import Readable, TextBlock, ToolAnswer, Unusable
from interpreterd.mcp.arguments import Arguments, texts
from interpreterd.mcp.callers import Caller
from interpreterd.mcp.context_files import FileTool
from interpreterd.mcp.declared import LONGEST_TIMEOUT_S, TIMEOUT_S, WAIT_LIMIT_S, Declared
from interpreterd.mcp.gathering import Shape
from interpreterd.mcp.kept import SCHEME, KeptShots
from interpreterd.mcp.owning import Contexts
from interpreterd.mcp.running import CodeRunner, Progress, Waiting, explained

HUGE: int = 1 << 53
LOST_SHOWN: Final = 20
_T = TypeVar("_T")


class Daemons(Protocol):
    """Gives the toolbox a daemon."""

    async def client(self) -> AsyncInterpreter:
        """Return a client of the daemon; start that first, if need be. Raises ``ClientError``."""

    async def lost(self) -> bool:
        """The daemon does not answer; return whether the next call starts another one."""


class Functions(Protocol):
    """What code can call besides Python."""

    async def options(self) -> Mapping[str, Any]:
        """Return the keywords of ``AsyncInterpreter.begin`` for it."""


class Toolbox:
    """The tools of one server process, for any number of clients."""

    def __init__(
        self,
        daemons: Daemons,
        contexts: Contexts,
        *,
        declared: Sequence[Declared],
        shape: Shape,
        timeout_s: int = TIMEOUT_S,
        functions: Functions | None = None,
        has_gone: Callable[[], bool] = lambda: False,
    ) -> None:
        """The tools are ``declared``; code is interrupted after ``timeout_s``, unless a call says otherwise.

        ``has_gone`` is as for ``CodeRunner``.
        """
        self._daemons = daemons
        self._contexts = contexts
        self._shots = KeptShots()
        self._runner = CodeRunner(shape, self._shots, has_gone)
        self._files = FileTool(shape)
        self._timeout_s = timeout_s
        self._functions = functions
        self._declared = {it.name: it for it in declared}
        self._tools: Mapping[str, Callable[[Arguments, Caller, Progress], Awaitable[ToolAnswer]]] = {
            "run_python": self._run_python,
            "wait": self._wait,
            "interrupt": self._interrupt,
            "contexts": self._list_contexts,
            "restart": self._restart,
            "undo": self._undo,
            "files": self._use_files,
        }

    async def call(self, tool: str, given: Mapping[str, Any] | None, caller: Caller, progress: Progress) -> ToolAnswer:
        """Call a tool that is ``declared``; return its answer, also if it cannot do what is asked."""
        try:
            return await self._tools[tool](Arguments(tool, given, self._declared[tool].arguments), caller, progress)
        except Unusable as error:
            return _refusal(error)
        except ContextNotFound as error:
            self._contexts.forget(str(error).rpartition(" ")[2])
            return _refusal(explained(error))
        except ConnectionFailed as error:
            if await self._daemons.lost():
                return _refusal(Unusable("the daemon has ended, and all variables are lost; the next call starts one"))
            return _refusal(explained(error))
        except (ClientError, InvalidArgument) as error:
            return _refusal(explained(error))

    async def close(self) -> None:
        """Follow no execution any more; they go on."""
        await self._runner.close()

    async def read(self, uri: str, caller: Caller) -> Readable | None:
        """Return a resource; None if there is none that the caller may read.

        Raises:
            Unusable: There is one, but it cannot be read.
        """
        parts = uri.removeprefix(SCHEME).split("/", 3)
        try:
            match parts:
                case ["executions", execution_id, "images", _] if (shot := self._shots.get(uri)) is not None:
                    await self._execution(await self._daemons.client(), caller, execution_id)
                    if shot.mime == "image/svg+xml":
                        return Readable(shot.mime, text=shot.data)
                    return Readable(shot.mime, base64=shot.data)
                case ["contexts", context_id, "files", path]:
                    context = await self._context(caller, context_id)
                    return await self._files.resource(context, path)
                case _:
                    return None
        except ClientError as error:
            raise explained(error) from error

    async def _run_python(self, arguments: Arguments, caller: Caller, progress: Progress) -> ToolAnswer:
        code = arguments.text("code")
        waiting = _waiting(arguments, "wait", progress)
        timeout = arguments.whole("timeout", default=self._timeout_s, least=1, most=LONGEST_TIMEOUT_S)
        named = arguments.optional_text("context")
        py = await self._daemons.client()
        options = {} if self._functions is None else dict(await self._functions.options())
        if arguments.flag("checkpoint"):
            options["checkpoint"] = True
        context_id = await self._named_or_own(py, caller, named)
        try:
            came = await self._runner.run(py, code, context_id, waiting, timeout=timeout, **options)
        except ContextNotFound:
            self._contexts.forget(context_id)
            if named is not None:
                raise
            # Its own one has been deleted meanwhile: nothing has run, and a new one is as good.
            context_id = await self._contexts.own(py, caller)
            came = await self._runner.run(py, code, context_id, waiting, timeout=timeout, **options)
            came[0].restarted = True
        gathered, execution_id, next_event = came
        answer = self._runner.answer(
            gathered,
            context_id=context_id,
            execution_id=execution_id,
            start=0,
            next_event=next_event,
            waited=f"{waiting.seconds:g} s",
        )
        if named is None and not self._contexts.is_own(caller, context_id):
            told = TextBlock(f"[new context {context_id}: pass it as `context` to keep its variables]")
            return ToolAnswer(content=[told, *answer.content], structured=answer.structured, is_error=answer.is_error)
        return answer

    async def _wait(self, arguments: Arguments, caller: Caller, progress: Progress) -> ToolAnswer:
        execution_id = arguments.text("execution")
        waiting = _waiting(arguments, "seconds", progress)
        start = arguments.whole("from", default=None, least=0, most=HUGE)
        offset = arguments.whole("offset", default=None, least=0, most=HUGE)
        py = await self._daemons.client()
        known = await self._execution(py, caller, execution_id)
        gathered, next_event = await self._runner.wait(py, known, waiting, start, offset)
        return self._runner.answer(
            gathered,
            context_id=str(known["contextId"]),
            execution_id=execution_id,
            start=start or 0,
            next_event=next_event,
            waited=f"{waiting.seconds:g} s more",
        )

    async def _interrupt(self, arguments: Arguments, caller: Caller, progress: Progress) -> ToolAnswer:
        execution_id, context_id = arguments.optional_text("execution"), arguments.optional_text("context")
        py = await self._daemons.client()
        if execution_id is not None:
            await self._execution(py, caller, execution_id)
            did = await py.interrupt_execution(execution_id)
        else:
            if context_id is None and caller.home is None:
                raise Unusable("interrupt needs the argument execution or context")
            did = "interrupting" if await py.interrupt(await self._named_or_own(py, caller, context_id)) else "idle"
        words = {"interrupting": "interrupted", "cancelled": "it had not begun, and will not run"}
        return ToolAnswer(content=[TextBlock(words.get(did, "nothing was running"))], structured={"did": did})

    async def _list_contexts(self, arguments: Arguments, caller: Caller, progress: Progress) -> ToolAnswer:
        new, end, original = arguments.table("new"), arguments.optional_text("end"), arguments.optional_text("fork")
        if sum(it is not None for it in (new, end, original)) > 1:
            raise Unusable("contexts takes new, fork or end, not several of them")
        py = await self._daemons.client()
        if new is not None:
            inner = Arguments("contexts with new", new, ["cwd", "envs"])
            made = await self._contexts.make(py, caller, cwd=inner.optional_text("cwd"), envs=texts(new, "envs"))
            listed, told = [made], f"made context {made.id} in {made.cwd}"
        elif original is not None:
            fork = await _in_time(self._contexts.fork(py, caller, await self._contexts.checked(py, caller, original)))
            listed, told = [fork], f"made context {fork.id}, a copy of {original}" + _lacks(fork)
        elif end is not None:
            await py.delete_context(await self._contexts.checked(py, caller, end))
            self._contexts.forget(end)
            ended = TextBlock(f"ended context {end}")
            return ToolAnswer(content=[ended], structured={"contexts": [], "ended": end})
        else:
            listed = await self._contexts.listed(py, caller)
            told = "\n".join(self._line(caller, it) for it in listed) or "you have no context yet"
        shown = [self._shown(caller, it) for it in listed]
        return ToolAnswer(content=[TextBlock(told)], structured={"contexts": shown})

    async def _restart(self, arguments: Arguments, caller: Caller, progress: Progress) -> ToolAnswer:
        named = arguments.optional_text("context") if caller.home is not None else arguments.text("context")
        py = await self._daemons.client()
        restarted = await py.restart(await self._named_or_own(py, caller, named))
        told = TextBlock(f"restarted context {restarted.id}: it has no variables now")
        return ToolAnswer(content=[told], structured=self._shown(caller, restarted))

    async def _undo(self, arguments: Arguments, caller: Caller, progress: Progress) -> ToolAnswer:
        named = arguments.optional_text("context") if caller.home is not None else arguments.text("context")
        py = await self._daemons.client()
        context = await py.get_context(await self._named_or_own(py, caller, named))
        undone = await _in_time(context.undo())
        told = TextBlock(f"the variables of context {undone.id} are as they were before the last run_python")
        return ToolAnswer(content=[told], structured=self._shown(caller, undone))

    async def _use_files(self, arguments: Arguments, caller: Caller, progress: Progress) -> ToolAnswer:
        named = arguments.optional_text("context") if caller.home is not None else arguments.text("context")
        py = await self._daemons.client()
        context = await py.get_context(await self._named_or_own(py, caller, named))
        return await _in_time(self._files.use(arguments, context), "; do it by code")

    async def _named_or_own(self, py: AsyncInterpreter, caller: Caller, context_id: str | None) -> str:
        if context_id is None:
            return await self._contexts.own(py, caller)
        return await self._contexts.checked(py, caller, context_id)

    async def _context(self, caller: Caller, context_id: str) -> AsyncContext:
        py = await self._daemons.client()
        return await py.get_context(await self._contexts.checked(py, caller, context_id))

    async def _execution(self, py: AsyncInterpreter, caller: Caller, execution_id: str) -> Mapping[str, Any]:
        """Return an execution as the daemon describes it. Raises ``Unusable`` if it is not the caller's."""
        try:
            known = await py.get_execution(execution_id)
            await self._contexts.checked(py, caller, str(known["contextId"]))
            return known
        except (ClientError, Unusable) as error:
            if isinstance(error, Unusable) or getattr(error, "code", "") == "execution_not_found":
                raise Unusable(f"you have no execution {execution_id[:100]}, or it is forgotten") from None
            raise

    def _shown(self, caller: Caller, context: AsyncContext) -> dict[str, Any]:
        return {
            "context": context.id,
            "cwd": context.cwd,
            "state": context["state"],
            "lastUsedAt": context["lastUsedAt"],
            "own": self._contexts.is_own(caller, context.id),
        }

    def _line(self, caller: Caller, context: AsyncContext) -> str:
        own = ", your own" if self._contexts.is_own(caller, context.id) else ""
        return f"{context.id}: {context['state']}{own}, in {context.cwd}, last used at {context['lastUsedAt']}"


def _waiting(arguments: Arguments, name: str, progress: Progress) -> Waiting:
    return Waiting(arguments.number(name, default=WAIT_LIMIT_S, least=0, most=WAIT_LIMIT_S), progress)


async def _in_time(work: Coroutine[Any, Any, _T], instead: str = "; interrupt what runs there") -> _T:
    try:
        async with asyncio.timeout(WAIT_LIMIT_S):
            return await work
    except TimeoutError:
        raise Unusable(f"that takes longer than {WAIT_LIMIT_S} s{instead}") from None


def _lacks(fork: AsyncContext) -> str:
    lost = ", ".join(f"{it.kind} {it.name}" for it in fork.not_carried[:LOST_SHOWN])
    return f"; it lacks what no copy can have: {lost}" if lost else ""


def _refusal(error: Unusable) -> ToolAnswer:
    return ToolAnswer(content=[TextBlock(str(error))], is_error=True)
