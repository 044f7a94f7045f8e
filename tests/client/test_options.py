"""``client.options``: both clients take the same options and refuse unknown ones."""

import inspect
import re
import typing
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from clients import NOBODY, Face
from described import OPENAPI
from harness import Client

from interpreterd.client import (
    AsyncContext,
    AsyncInterpreter,
    Context,
    ContextOptions,
    ExecuteOptions,
    Interpreter,
    Options,
    Output,
    Refused,
    StreamOptions,
)

SCHEMAS: dict[str, Any] = OPENAPI["components"]["schemas"]


async def test_environment_and_timeout(py: Any) -> None:
    code = "import os; print(os.environ.get('GREETING'))"
    assert (await py.execute(code, envs={"GREETING": "hello"})).stdout == "hello\n"
    assert (await py.execute(code)).stdout == "None\n"
    execution = await py.execute("while True: pass", timeout=1, grace_s=1)
    assert (execution.outcome, execution.error.name) == ("interrupted", "TimeoutError")
    assert execution.reason == "execution_timed_out"


async def test_values_are_printed_as_at_a_prompt(py: Any) -> None:
    assert (await py.execute("6 * 7", interactive=True)).stdout == "42\n"
    async with await py.create_context() as context:
        assert (await context.execute("6 * 7", interactive=True)).stdout == "42\n"
        assert (await context.execute("6 * 7")).stdout == ""


async def test_a_grace_is_the_daemons_at_most(py: Any) -> None:
    with pytest.raises(Refused, match="graceS must be at most 2"):
        await py.execute("pass", grace_s=2.5)


async def test_others_see_what_the_client_calls_itself(face: Face, url: str, client: Client) -> None:
    async with face(url, origin="ada") as py:
        await py.execute("pass")
    _, body = await client.request("GET", "/context/default/executions")
    assert body["executions"][0]["origin"].startswith("ada ")


def keywords(kind: Any) -> set[str]:
    return set(kind.__optional_keys__)


def methods() -> Iterator[tuple[str, Callable[..., Any], Any]]:
    """Yield each method that takes options, its name, and the type of its options."""
    for face in (Interpreter, AsyncInterpreter):
        yield "__init__", face.__init__, Options
        yield "local", face.local, Options
        yield "create_context", face.create_context, ContextOptions
        yield "create_interpreter_context", face.create_interpreter_context, ContextOptions
    for it in (Interpreter, AsyncInterpreter, Context, AsyncContext):
        yield "execute", it.execute, ExecuteOptions
        yield "stream", it.stream, StreamOptions


def test_both_faces_and_their_contexts_take_the_same_options() -> None:
    for name, method, kind in methods():
        hints = typing.get_type_hints(method, include_extras=True)
        assert hints["options"] == typing.Unpack[kind], (name, method)


@pytest.mark.parametrize("kind", [Options, StreamOptions, ExecuteOptions, ContextOptions])
def test_each_option_is_described_once(kind: Any) -> None:
    own = keywords(kind) - (keywords(StreamOptions) if kind is ExecuteOptions else set())
    described = re.findall(r"^    (\w+): ", inspect.getdoc(kind) or "", re.MULTILINE)
    assert sorted(described) == sorted(own)


def test_what_the_daemon_takes_the_client_can_say() -> None:
    """Options that only other transports need, or that the client sets itself, are left out."""
    wire = {re.sub("[A-Z]", lambda it: f"_{it[0].lower()}", key) for key in SCHEMAS["Execute"]["properties"]}
    others = {"code", "context_id", "on_disconnect", "origin", "events", "stdin", "background"}
    others |= {"formats", "show_saved", "pages", "message_id"}  # for front ends of notebooks
    assert keywords(StreamOptions) == wire - others
    assert keywords(ContextOptions) == set(SCHEMAS["CreateContext"]["properties"]) - {"cwd", "language"}


async def first(events: Any) -> None:
    async for _ in events:
        break


UNKNOWN = {
    "execute() got an unexpected keyword argument 'tiemout'. Did you mean 'timeout'?": lambda py: py.execute(
        "1", tiemout=1
    ),
    "execute() got an unexpected keyword argument 'graceS'. Did you mean 'grace_s'?": lambda py: py.execute(
        "1", graceS=1
    ),
    "execute() got an unexpected keyword argument 'x'; it takes charts, checkpoint, counted, envs, expressions, files, "
    "functions, grace_s, image_format, interactive, on_error, on_input, on_result, on_stderr, on_stdout, results, "
    "silent, stop_on_error, timeout": lambda py: py.execute("1", x=None),
    "stream() got an unexpected keyword argument 'on_stdout'; it takes charts, checkpoint, counted, envs, expressions, "
    "files, functions, grace_s, image_format, interactive, results, silent, stop_on_error, timeout": (
        lambda py: first(py.stream("1", on_stdout=print))
    ),
    "create_context() got an unexpected keyword argument 'metdata'. Did you mean 'metadata'?": (
        lambda py: py.create_context(metdata={})
    ),
}


@pytest.mark.parametrize("said", UNKNOWN)
async def test_a_keyword_that_does_not_exist_is_a_type_error_that_names_it(face: Face, said: str) -> None:
    async with face(NOBODY) as py:
        with pytest.raises(TypeError, match=f"^{re.escape(said)}$"):
            await UNKNOWN[said](py)


async def test_a_contexts_own_methods_refuse_such_keywords_too(py: Any) -> None:
    async with await py.create_context() as context:
        for name in ("timeuot", "context_id", "client"):
            with pytest.raises(TypeError, match=rf"^execute\(\) got an unexpected keyword argument '{name}'"):
                await context.execute("1", **{name: "default"})
            with pytest.raises(TypeError, match=rf"^stream\(\) got an unexpected keyword argument '{name}'"):
                await first(context.stream("1", **{name: "default"}))


def test_a_stream_says_so_before_it_is_read() -> None:
    with Interpreter(NOBODY) as client, pytest.raises(TypeError, match="'timeuot'"):
        client.stream("1", timeuot=1)
    with pytest.raises(TypeError, match="'timeuot'"):
        AsyncInterpreter(NOBODY).stream("1", timeuot=1)


def test_a_client_refuses_an_option_that_it_does_not_know(face: Face) -> None:
    with pytest.raises(
        TypeError, match=r"Interpreter\(\) got an unexpected keyword argument 'reconect_s'. Did you mean"
    ):
        face(NOBODY, reconect_s=1)


async def test_none_is_the_same_as_no_option(py: Any) -> None:
    options = dict.fromkeys(ExecuteOptions.__optional_keys__)
    assert (await py.execute("print(6 * 7)", None, **options)).stdout == "42\n"
    async with await py.create_context(None, None, **dict.fromkeys(ContextOptions.__optional_keys__)) as context:
        assert (await context.execute("print(6 * 7)", **options)).stdout == "42\n"


async def test_a_stream_prints_values_as_at_a_prompt_too(py: Any) -> None:
    events = [event async for event in py.stream("6 * 7", interactive=True)]
    assert [event.text for event in events if isinstance(event, Output)] == ["42\n"]
