"""The looks of a context, by both faces of the client."""

import inspect
from typing import Any

import pytest

from interpreterd.client import AsyncContext, Context, Refused, UnexpectedAnswer
from interpreterd.client.looks import AsyncLooks, Looks, parse_cells, parse_completions, parse_variables


async def test_a_context_tells_what_is_there(py: Any) -> None:
    context = await py.create_context()
    await context.execute("numbers = [1, 2]\ndef half(x): 'Half.'")
    found = await context.complete("numb + 1", 4)
    assert (found.matches, found.types, found.cursor_start, found.cursor_end) == (("numbers",), ("instance",), 0, 4)
    told = await context.inspect("half(", detail=1)
    assert (told.found, told.signature, told.docstring) == (True, "(x)", "Half.")
    assert told.source.startswith("def half")
    assert (await context.is_complete("if x:")).indent == "    "
    listed = {it.name: it for it in await context.variables(timeout=5)}
    assert (listed["numbers"].repr, listed["half"].kind) == ("[1, 2]", "function")
    with pytest.raises(Refused, match="cursor must be a number of characters from 0 to 1") as caught:
        await context.complete("x", 2)
    assert caught.value.code == "invalid_request"
    await context.delete()


async def test_expressions_have_values_or_errors(py: Any) -> None:
    execution = await py.execute("x = 2", expressions={"double": "2 * x", "wrong": "nobody"})
    assert execution.expressions["double"].text == "4"
    assert execution.expressions["wrong"].name == "NameError"
    assert (await py.execute("x")).expressions == {}


async def test_a_context_tells_what_it_has_run(py: Any) -> None:
    context = await py.create_context()
    for code in ("x = 1", "x + 1", "y = 2"):
        await context.execute(code)
    await context.execute("hidden = 1", silent=True)
    await context.execute("hidden = 2", counted=False)
    cells = await context.history()
    assert [(it.number, it.source, it.output) for it in cells] == [
        (1, "x = 1", None),
        (2, "x + 1", "2"),
        (3, "y = 2", None),
    ]
    assert await context.history(1) == cells[2:]
    assert await context.history(start=2, stop=3) == cells[1:2]
    assert await context.history(pattern="x*", timeout=5) == cells[:2]
    with pytest.raises(Refused, match="n must be from 0 to 1000"):
        await context.history(1001)
    await context.delete()


def test_both_faces_look_alike() -> None:
    for name in ("complete", "inspect", "is_complete", "variables", "history"):
        assert inspect.signature(getattr(Looks, name)) == inspect.signature(getattr(AsyncLooks, name))
        assert getattr(Context, name) is getattr(Looks, name)
        assert getattr(AsyncContext, name) is getattr(AsyncLooks, name)


def test_another_answer_is_an_error() -> None:
    for parse in (parse_completions, parse_variables, parse_cells):
        with pytest.raises(UnexpectedAnswer):
            parse({"matches": None, "variables": [{}], "cells": [{}]})
