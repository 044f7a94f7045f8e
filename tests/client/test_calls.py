"""Code calls functions of the program that runs it, by either client."""

import asyncio
import contextvars
import dataclasses
import threading
from collections import UserDict
from typing import Any

from clients import Face
from proxy import Cut, proxy

from interpreterd.client import AsyncInterpreter, FunctionCall, FunctionEnd, Interpreter
from interpreterd.client.calls import check_not_nested


@dataclasses.dataclass
class Found:
    title: str


class OwnError(Exception):
    pass


def search(query: str, *, limit: int = 3) -> Any:
    """Find things."""
    match query:
        case "raise":
            raise ValueError("no such thing")
        case "own":
            raise OwnError("mine")
        case "key":
            raise KeyError("missing")
        case "stop":
            raise StopIteration
        case "exit":
            raise SystemExit(3)
        case "set":
            return {1, 2}
        case "nan":
            return float("nan")
        case "data and nan":
            return [Found("x"), float("nan")]
        case "large":
            return "x" * (1 << 20)
        case "data":
            return [Found("x")]
    return [query, limit]


async def fetch(url: str) -> str:
    await asyncio.sleep(0)
    return url


async def run(py: Any, code: str, functions: Any, **options: Any) -> str:
    """Run ``code``, which must not fail; return its output."""
    execution = await py.execute(code, functions=functions, **options)
    assert execution.error is None, execution.error
    return str(execution.stdout)


async def test_a_program_calls_twenty_functions_in_parallel_and_handles_the_one_that_raises(
    face: Face, url: str
) -> None:
    running, all_run = [], threading.Event()

    async def work(number: int) -> int:
        running.append(number)
        if len(running) == 16:
            all_run.set()
        await asyncio.to_thread(all_run.wait)  # none ends before sixteen run
        if number == 7:
            raise LookupError("seven")
        return number * 10

    code = """
import asyncio
async def safe(number):
    try:
        return await work(number)
    except LookupError as error:
        return str(error)
print(await asyncio.gather(*[safe(number) for number in range(20)]))
"""
    async with face(url) as py:
        expected = ["seven" if number == 7 else number * 10 for number in range(20)]
        assert await run(py, code, [work]) == f"{expected}\n"


async def test_plain_functions_run_in_threads_at_the_same_time(face: Face, url: str) -> None:
    barrier = threading.Barrier(8)

    def meet(number: int) -> int:
        barrier.wait()
        return number

    code = "from concurrent.futures import ThreadPoolExecutor\n"
    code += "with ThreadPoolExecutor(8) as pool: print(sum(pool.map(meet, range(8))))"
    async with face(url) as py:
        assert await run(py, code, {"meet": meet}) == "28\n"


async def test_what_a_function_returns_and_raises_reaches_the_code(face: Face, url: str) -> None:
    code = """
print(search("x", limit=1), search("data"), await fetch("u"), git.find("y"))
for query in ("raise", "own", "key", "stop", "exit", "set", "nan", "data and nan", "large"):
    try:
        search(query)
    except Exception as error:
        print(type(error).__name__, str(error)[:60])
try:
    search()
except TypeError as error:
    print(error)
"""
    async with face(url) as py:
        assert (await run(py, code, {"search": search, "fetch": fetch, "git.find": search})).splitlines() == [
            "['x', 1] [{'title': 'x'}] u ['y', 3]",
            "ValueError no such thing",
            "HostFunctionError OwnError: mine",
            "KeyError 'missing'",
            "StopIteration ",
            "HostFunctionError SystemExit: 3",
            "TypeError the value of search() must be text, a number, a list or a ma",
            "TypeError the value of search() must be a finite number, not nan",
            "TypeError the value of search()[1] must be a finite number, not nan",
            "ValueError search() has returned 1048578 bytes of JSON: the limit is 10",
            "search() missing 1 required positional argument: 'query'",
        ]


class Unreadable(UserDict[str, int]):
    def items(self) -> Any:
        raise LookupError("not now")


def returned(kind: str) -> Any:
    """Return what has no JSON."""
    match kind:
        case "itself":
            value: list[Any] = []
            value.append(value)
            return value
        case "many":
            return ["x"] * 200_000
        case _:
            return [Unreadable()]


async def test_a_value_that_cannot_be_encoded_raises_in_the_code(face: Face, url: str) -> None:
    code = """
for kind in ("itself", "unreadable", "many"):
    try:
        returned(kind)
    except Exception as error:
        print(type(error).__name__, error)
"""
    async with face(url) as py:
        assert (await run(py, code, [returned])).splitlines() == [
            "TypeError returned() has returned what is not JSON: it is nested too deep, or contains itself",
            "TypeError returned() has returned what cannot be read: LookupError: not now",
            "ValueError returned() has returned JSON of too many elements: some 100,000 are the limit",
        ]


async def test_contexts_and_streams_have_functions_and_a_stream_tells_of_calls(face: Face, url: str) -> None:
    async with face(url) as py:
        context = await py.create_context()
        try:
            execution = await context.execute("print(search('x'))", functions=[search])
            assert execution.stdout == "['x', 3]\n"
            told = [it async for it in context.stream("search('x')", functions=[search], results=False)]
            calls = [it for it in told if isinstance(it, FunctionCall | FunctionEnd)]
            assert [(it.name, it.args.text) for it in calls if isinstance(it, FunctionCall)] == [("search", '["x"]')]
            assert [it.outcome for it in calls if isinstance(it, FunctionEnd)] == ["returned"]
        finally:
            await context.delete()


async def test_a_function_may_use_another_context_but_not_its_own(face: Face, url: str) -> None:
    async with Blocking(url) as inner, face(url) as py:

        def elsewhere() -> str:
            with inner.create_context() as context:
                return context.execute("print(6 * 7)").stdout

        def here() -> str:
            return inner.execute("1", name).stdout

        def look() -> object:
            return inner.get_context(name).variables()

        context = await py.create_context()
        name = context.id
        try:
            code = "print(elsewhere())\nfor call in (here, look):\n    try: call()\n"
            code += "    except RuntimeError as error: print(error)"
            execution = await context.execute(code, functions=[elsewhere, here, look])
            refused = f"a host function cannot use the context whose code is calling it ({name})"
            assert execution.stdout.count(refused) == 2
            assert execution.stdout.startswith("42\n")
            assert (await asyncio.to_thread(inner.execute, "print(1)", name)).stdout == "1\n", "elsewhere it may"
        finally:
            await context.delete()


class Blocking:
    """A blocking client for functions, which threads may use."""

    def __init__(self, url: str) -> None:
        self._it = Interpreter(url)

    async def __aenter__(self) -> Interpreter:
        return self._it

    async def __aexit__(self, *error: object) -> None:
        await asyncio.to_thread(self._it.close)


async def test_context_variables_of_the_caller_are_there(url: str) -> None:
    variable = contextvars.ContextVar("variable", default="unset")

    async def told() -> str:
        return variable.get()

    def told_in_a_thread() -> str:
        return variable.get()

    async with AsyncInterpreter(url) as py:
        variable.set("mine")
        assert await run(py, "print(await told(), told_in_a_thread())", [told, told_in_a_thread]) == "mine mine\n"
    check_not_nested(url, "default")


async def test_a_timeout_cancels_a_coroutine_and_the_code_goes_on_elsewhere(url: str) -> None:
    cancelled = asyncio.Event()

    async def never() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with AsyncInterpreter(url) as py:
        execution = await py.execute("await never()", functions=[never], timeout=1)
        assert (execution.outcome, execution.reason) == ("interrupted", "execution_timed_out")
        async with asyncio.timeout(10):
            await cancelled.wait()
        code = "import asyncio\ntry: await asyncio.wait_for(never(), 0.01)\nexcept asyncio.TimeoutError: print('late')"
        cancelled.clear()
        assert await run(py, code, [never]) == "late\n"
        async with asyncio.timeout(10):
            await cancelled.wait()


async def test_a_lost_connection_runs_no_call_twice(face: Face, url: str) -> None:
    """Connections end at many places: before a call, within its event, within its answer."""
    ran: list[int] = []

    async def count(number: int) -> int:
        ran.append(number)
        return number

    async with proxy(url) as through:
        for after_bytes in (300, 420, 500, 640, 900, 1500):
            ran.clear()
            through.plans.extend([Cut(after_bytes), Cut(after_bytes)])
            async with face(through.url) as py:
                code = "print(sum([await count(number) for number in range(10)]))"
                assert await run(py, code, [count]) == "45\n"
            assert ran == list(range(10)), after_bytes
            through.plans.clear()
