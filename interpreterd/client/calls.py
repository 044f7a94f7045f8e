"""The caller's side of host functions: runs them when the code calls, and answers."""

import asyncio
import contextvars
import functools
import inspect
import itertools
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import orjson

from interpreterd.client.arguments import as_plain, check, unpacked
from interpreterd.client.errors import (
    ClientError,
    ConnectionFailed,
    ConnectionLost,
    InvalidArgument,
    LimitReached,
    Refused,
    UnexpectedAnswer,
)
from interpreterd.client.functions import is_async
from interpreterd.model.displays import weight
from interpreterd.model.functions import (
    ERROR_VALUE_LIMIT_CHARS,
    JSON_WEIGHT_LIMIT,
    VALUE_LIMIT_BYTES,
    FunctionCall,
    FunctionEnd,
)

RUNNING_LIMIT: Final = 16  # of functions of an execution that run at the same time
LISTING_TRIES: Final = 20  # some half a minute
REFUSALS_LIMIT: Final = 6  # of an answer that may pass later
FIRST_PAUSE_S: Final = 0.05
LONGEST_PAUSE_S: Final = 2.0
_MESSAGE_WEIGHT: Final = 64  # of the message around a value
_LATER: Final = (429, 502, 503, 504)
_running_for: contextvars.ContextVar[frozenset[tuple[str, str]]] = contextvars.ContextVar(
    "host_calls", default=frozenset()
)
SendAnswer = Callable[[str, bytes], Awaitable[object]]
"""Sends the answer to the call of this id: a JSON object without its first brace, such as ``"value":1}``.

Returns when the daemon has it. Raises ClientError.
"""
AskOpen = Callable[[], Awaitable[list[FunctionCall]]]
"""Asks the daemon for the calls that wait for an answer. Raises ClientError."""


def check_not_nested(url: str, context_id: str) -> None:
    """Raise RuntimeError within a function that code of the same context waits for: it would wait for ever."""
    if (url, context_id) in _running_for.get():
        raise RuntimeError(
            f"a host function cannot use the context whose code is calling it ({context_id}): each would wait for the "
            "other; use another context"
        )


class HostCalls:
    """The functions of one execution, and the calls of them that run. It belongs to the event loop that makes it.

    A coroutine function runs on that loop, any other one in a thread; at most ``RUNNING_LIMIT`` at the same time. A
    call runs once, whether its event, a listing of open calls, or both tell it.
    """

    def __init__(
        self, functions: Mapping[str, Callable[..., Any]], url: str, context_id: str, answer: SendAnswer
    ) -> None:
        """Send answers to calls of code in this context by ``answer``."""
        self._functions = functions
        self._send = answer
        self._running: dict[str, asyncio.Task[None]] = {}
        self._answered: set[str] = set()  # those whose answers are on their way
        self._begun: set[str] = set()  # and as far as is known not ended
        self._ended: set[str] = set()  # since the listing was asked for that is still to come
        self._listing: asyncio.Task[None] | None = None
        self._has_missed = False  # since that listing was asked for
        self._limit = asyncio.Semaphore(RUNNING_LIMIT)
        self._threads = ThreadPoolExecutor(RUNNING_LIMIT, thread_name_prefix="host function")
        self._context = contextvars.copy_context()
        self._context.run(_running_for.set, _running_for.get() | {(url, context_id)})

    def begin(self, call: FunctionCall) -> None:
        """The code calls: run the function, and answer."""
        if call.call_id in self._begun:
            return
        self._begun.add(call.call_id)
        task = asyncio.get_running_loop().create_task(self._answer(call), context=self._context.copy())
        self._running[call.call_id] = task
        task.add_done_callback(lambda task: self._running.pop(call.call_id, None))

    def begin_open(self, calls: Iterable[FunctionCall]) -> None:
        """Run these calls, which other clients have left open, and of which events may come once more."""
        for call in calls:
            self.begin(call)

    def find_missed(self, ask: AskOpen) -> None:
        """Events have been missed: ask for the open calls, run those that are new, and end those that are not there."""
        self._has_missed = True
        if self._listing is None or self._listing.done():
            self._listing = asyncio.get_running_loop().create_task(self._find_missed(ask))

    def end(self, end: FunctionEnd) -> None:
        """A call has ended: cancel its coroutine, if it still runs; a thread goes on, and its answer is dropped."""
        self._begun.discard(end.call_id)
        if self._listing is not None and not self._listing.done():
            self._ended.add(end.call_id)
        self._cancel(end.call_id)

    def _cancel(self, call_id: str) -> None:
        if (task := self._running.get(call_id)) is not None and call_id not in self._answered:
            task.cancel()

    async def _find_missed(self, ask: AskOpen) -> None:
        tries = 0
        while self._has_missed and tries < LISTING_TRIES:
            self._has_missed = False
            self._ended.clear()
            known = list(self._running)
            try:
                found = await ask()
            except ClientError:
                self._has_missed = True
                await asyncio.sleep(min(FIRST_PAUSE_S * 2**tries, LONGEST_PAUSE_S))
                tries += 1
                continue
            self.begin_open(call for call in found if call.call_id not in self._ended)
            for call_id in set(known) - {call.call_id for call in found}:
                self._cancel(call_id)

    async def close(self) -> None:
        """The execution is followed no more: cancel what runs."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        tasks = [*self._running.values(), *([] if self._listing is None else [self._listing])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _answer(self, call: FunctionCall) -> None:
        async with self._limit:
            value, error = await self._call(call)
            answer = _encode_outcome(call.name, value, error)
        self._answered.add(call.call_id)
        try:
            await self._deliver(call, answer)
        finally:
            self._answered.discard(call.call_id)

    async def _deliver(self, call: FunctionCall, answer: bytes) -> None:
        """Send an answer until the daemon has it: the first one counts. If it is refused, the code gets an error."""
        refusals, is_last = 0, False
        for tries in itertools.count():
            try:
                await self._send(call.call_id, answer)
                return
            except (ConnectionFailed, ConnectionLost):
                pass
            except (Refused, UnexpectedAnswer) as error:
                if is_last or _is_forgotten(error):
                    return
                refusals += 1
                if not _may_pass_later(error) or refusals >= REFUSALS_LIMIT:
                    is_last = True
                    answer = _encode_error(ValueError(f"the answer of {call.name}() was refused: {error}"))
                    continue
            await asyncio.sleep(min(FIRST_PAUSE_S * 2 ** min(tries, 10), LONGEST_PAUSE_S))

    async def _call(self, call: FunctionCall) -> "_Outcome":
        """Return what the function returns, and what it raises: no coroutine can raise a StopIteration."""
        function = self._functions.get(call.name)
        if function is None:
            return None, NameError(f"the client has no function {call.name}")
        args, kwargs = orjson.loads(call.args.text), orjson.loads(call.kwargs.text)
        run = functools.partial(_outcome_of, function, args, kwargs)
        if is_async(function):
            value, error = run()
        else:
            context = contextvars.copy_context()
            value, error = await asyncio.get_running_loop().run_in_executor(self._threads, context.run, run)
        return await _awaited(value) if inspect.isawaitable(value) else (value, error)


def _is_forgotten(error: Refused | UnexpectedAnswer) -> bool:
    return isinstance(error, Refused) and error.code in ("call_not_found", "execution_not_found")


def _may_pass_later(error: Refused | UnexpectedAnswer) -> bool:
    return isinstance(error, LimitReached) or error.status in _LATER


_Outcome = tuple[Any, BaseException | None]


def _outcome_of(function: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]) -> _Outcome:
    try:
        return function(*args, **kwargs), None
    except BaseException as error:
        return None, error


async def _awaited(coroutine: Awaitable[Any]) -> _Outcome:
    try:
        return await coroutine, None
    except asyncio.CancelledError as error:
        if (task := asyncio.current_task()) is not None and task.cancelling():
            raise
        return None, error
    except BaseException as error:
        return None, error


def _encode_outcome(name: str, value: object, error: BaseException | None) -> bytes:
    if error is None:
        try:
            return _encode_value(name, value)
        except (TypeError, ValueError) as wrong:
            error = wrong
        except RecursionError:
            error = TypeError(f"{name}() has returned what is not JSON: it is nested too deep, or contains itself")
        except Exception as wrong:  # of a mapping's own methods
            error = TypeError(f"{name}() has returned what cannot be read: {type(wrong).__name__}: {_text_of(wrong)}")
    return _encode_error(error)


def _encode_value(name: str, value: object) -> bytes:
    """Return the answer of a function that has returned. Raises the exception that the code is to get instead."""
    try:
        check(value, f"the value of {name}()", unpacked)
    except InvalidArgument as error:
        raise TypeError(str(error)) from None
    try:
        data = orjson.dumps(value, default=as_plain)
    except orjson.JSONEncodeError as error:
        raise TypeError(f"{name}() has returned what is not JSON: {error}") from None
    if len(data) > VALUE_LIMIT_BYTES:
        raise ValueError(f"{name}() has returned {len(data)} bytes of JSON: the limit is {VALUE_LIMIT_BYTES}")
    if weight(data) > JSON_WEIGHT_LIMIT - _MESSAGE_WEIGHT:
        raise ValueError(f"{name}() has returned JSON of too many elements: some 100,000 are the limit")
    return b'"value":%b}' % data


def _encode_error(error: BaseException) -> bytes:
    shown = {"name": type(error).__name__, "value": _text_of(error)[:ERROR_VALUE_LIMIT_CHARS]}
    told = {key: value.encode("utf-8", "backslashreplace").decode() for key, value in shown.items()}
    return b'"error":%b}' % orjson.dumps(told)


def _text_of(error: BaseException) -> str:
    only_text = len(error.args) == 1 and isinstance(error.args[0], str)
    try:
        return error.args[0] if only_text else str(error)
    except Exception:
        return "<exception str() failed>"
