"""``client.arguments``: an argument that JSON cannot hold is an error that names it, before any request."""

import dataclasses
import datetime
import enum
import os
import uuid
from collections.abc import AsyncIterator
from types import MappingProxyType
from typing import Any

import orjson
import pytest
from clients import NOBODY, Face
from hypothesis import given
from hypothesis import strategies as st

from interpreterd.client import InvalidArgument
from interpreterd.client.arguments import as_plain, check, encode_request, unpacked

LONE = "caf\udce9"  # os.fsdecode makes this of Latin-1


@pytest.fixture
async def py(face: Face) -> AsyncIterator[Any]:
    """Yield a client without a daemon."""
    async with face(NOBODY) as client:
        yield client


async def first(events: Any) -> None:
    async for _ in events:
        break


CALLS = {
    "code": lambda py: py.execute(LONE),
    "code of stream": lambda py: first(py.stream(LONE)),
    "context_id": lambda py: py.execute("1", LONE),
    "context_id of stream": lambda py: first(py.stream("1", LONE)),
    "context_id of get_context": lambda py: py.get_context(LONE),
    "context_id of delete_context": lambda py: py.delete_context(LONE),
    "context_id of interrupt": lambda py: py.interrupt(LONE),
    "context_id of restart": lambda py: py.restart(LONE),
    "envs['A']": lambda py: py.execute("1", envs={"A": LONE}),
    "envs: the name 'caf\\udce9'": lambda py: py.execute("1", envs={LONE: "1"}),
    "envs['A'] of stream": lambda py: first(py.stream("1", envs={"A": LONE})),
    "cwd": lambda py: py.create_context(LONE),
    "language": lambda py: py.create_context(language=LONE),
    "envs['A'] of create_context": lambda py: py.create_context(envs={"A": LONE}),
    "metadata['owner']": lambda py: py.create_context(metadata={"owner": LONE}),
    "metadata: the name 'caf\\udce9'": lambda py: py.create_context(metadata={LONE: "1"}),
    "preload[1]": lambda py: py.create_context(preload=["json", LONE]),
    "labels['owner']": lambda py: py.list_contexts(labels={"owner": LONE}),
    "labels: the name 'caf\\udce9'": lambda py: py.list_contexts(labels={LONE: "x"}),
}


@pytest.mark.parametrize("name", CALLS)
async def test_text_with_a_lone_surrogate_is_refused_by_name(py: Any, name: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await CALLS[name](py)
    start = f"{name.partition(' of ')[0]} cannot be sent as UTF-8: it has the lone surrogate '\\udce9' at 3"
    assert str(caught.value) == start
    assert isinstance(caught.value, ValueError)


async def test_a_client_that_would_send_such_text_with_everything_is_not_made(face: Face) -> None:
    for name, options in {"origin": {"origin": LONE}, "headers['A']": {"headers": {"A": LONE}}}.items():
        with pytest.raises(InvalidArgument) as caught:
            face(NOBODY, **options)
        assert str(caught.value).startswith(f"{name} cannot be sent")
    with pytest.raises(ValueError, match="the daemon's url must be"):
        face(f"http://{LONE}:3987")


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (float("nan"), "timeout must be a finite number, not nan"),
        (float("inf"), "timeout must be a finite number, not inf"),
        (2**64, "timeout is too large a number"),
    ],
)
async def test_a_number_that_json_cannot_hold_is_refused_by_name(py: Any, number: Any, said: str) -> None:
    """JSON has no infinity: the daemon would get null, which means the default."""
    with pytest.raises(InvalidArgument) as caught:
        await py.execute("1", timeout=number)
    assert str(caught.value) == said
    with pytest.raises(InvalidArgument, match=r"^grace_s "):
        await py.execute("1", grace_s=number)
    with pytest.raises(InvalidArgument, match=r"^limits\['cpuSeconds'\] must be a finite number"):
        await py.create_context(limits={"cpuSeconds": number if number != 2**64 else float("-inf")})


async def test_what_is_of_another_kind_is_refused_by_name(py: Any) -> None:
    with pytest.raises(TypeError, match=r"^code must be text, a number, a list or a mapping, not bytes$"):
        await py.execute(b"1")
    with pytest.raises(TypeError, match=r"^envs must have strings as keys, not 1$"):
        await py.execute("1", envs={1: "1"})
    with pytest.raises(TypeError, match=r"^context_id must be a string, not int$"):
        await py.get_context(1)


def test_any_mapping_will_do() -> None:
    assert encode_request({"envs": MappingProxyType({"A": "é"}), "n": None}) == '{"envs":{"A":"é"},"n":null}'.encode()
    assert b'"PATH"' in encode_request({"envs": os.environ})


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
    max_leaves=10,
)


@given(json)
def test_what_passes_the_check_can_be_sent(value: object) -> None:
    try:
        check(value, "it")
    except InvalidArgument:
        return
    encode_request({"it": value})


@dataclasses.dataclass
class Point:
    x: object
    _secret: object = float("nan")


@dataclasses.dataclass
class Slotted:
    __slots__ = ("x",)
    x: object


class Kind(enum.Enum):
    BIG = "big"
    BAD = float("inf")


MORE = [
    Point(Slotted([1])),
    {"kind": Kind.BIG},
    (datetime.datetime(2024, 1, 2, tzinfo=datetime.UTC), datetime.date(2024, 1, 2), datetime.time(3)),
    uuid.UUID(int=1),
]


def test_further_kinds_are_checked_as_they_are_written() -> None:
    for value in MORE:
        check(value, "it", unpacked)
        orjson.dumps(value, default=as_plain)
    assert unpacked(MORE[0]) == {"x": Slotted([1])}
    added: Any = Point(1)
    added.more = 2
    assert orjson.loads(orjson.dumps(added)) == unpacked(added)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (float("nan"), "must be a finite number, not nan"),
        (Kind.BAD, "must be a finite number, not inf"),
        ({1}, "must be text, a number, a list or a mapping, not set"),
        (LONE, "cannot be sent as UTF-8"),
    ],
)
def test_a_wrong_value_is_named_beside_and_within_further_kinds(wrong: object, said: str) -> None:
    for value, place in (([*MORE, wrong], "[4]"), ([Point({"a": wrong})], "[0]['x']['a']"), (Slotted(wrong), "['x']")):
        with pytest.raises((InvalidArgument, TypeError)) as caught:
            check(value, "it", unpacked)
        assert str(caught.value).startswith(f"it{place} {said}")
