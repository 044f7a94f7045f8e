"""The memory that a value keeps: every large part is counted."""

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from interpreterd.model.errors import ContextDeleted
from interpreterd.model.events import Failure, Stream
from interpreterd.model.memory import memory_bytes, text_bytes

TEXT = "x" * 1000
DEEP = 10_000


@frozen
class Bundle:
    """A type as a future kind of event may have it."""

    shapes: dict[str, Any]


WITH_TEXT: list[Callable[[str], object]] = [
    lambda text: text,
    lambda text: text.encode(),
    lambda text: bytearray(text.encode()),
    lambda text: [text],
    lambda text: (1, text),
    lambda text: frozenset([text]),
    lambda text: {"key": text},
    lambda text: {text: None},
    lambda text: Failure(name="E", value="", traceback=text),
    lambda text: Failure(name=text, value=""),
    lambda text: Bundle({"text/html": [text]}),
    lambda text: ContextDeleted(text),
    lambda text: 10 ** (3 * len(text)),
]


@pytest.mark.parametrize("make", WITH_TEXT, ids=map(str, range(len(WITH_TEXT))))
def test_a_text_counts_wherever_it_is(make: Callable[[str], object]) -> None:
    grown_bytes = memory_bytes(make(TEXT)) - memory_bytes(make(""))
    assert 1000 <= grown_bytes <= 1500


@pytest.mark.parametrize("value", [None, True, 0, -1, 2**53, 0.5, Stream.STDOUT])
def test_what_every_object_has_room_for_counts_as_nothing(value: object) -> None:
    assert memory_bytes(value) == 0


def test_what_cannot_be_counted_is_an_error() -> None:
    with pytest.raises(TypeError, match="a generator keeps"):
        memory_bytes([(it for it in TEXT)])


def test_depth_is_no_matter() -> None:
    value: list[Any] = []
    for _ in range(DEEP):
        value = [value]
    assert memory_bytes(value) >= DEEP * sys.getsizeof([])


@given(st.text())
def test_a_text_counts_what_it_keeps_after_it_has_been_encoded(text: str) -> None:
    text = json.loads(json.dumps(text + "é😀"[: len(text) % 3]))  # a new object without a cached UTF-8 form
    counted = text_bytes(text)
    text.encode(errors="surrogatepass")
    assert sys.getsizeof(text) <= counted <= 6 * sys.getsizeof(text)
