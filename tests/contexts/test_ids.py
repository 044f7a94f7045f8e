"""Ids: their form, and that none comes twice."""

import os
import uuid

import pytest

from interpreterd.contexts import ids
from interpreterd.contexts.ids import IDS_AT_ONCE, Ids, ids_after, new_id
from interpreterd.model.errors import ContextNotFound


def test_an_id_is_a_random_uuid_in_its_usual_form() -> None:
    for text in [Ids().new() for _ in range(100)]:
        it = uuid.UUID(text)
        assert str(it) == text
        assert (it.version, it.variant) == (4, uuid.RFC_4122)


def test_all_other_bits_are_random() -> None:
    numbers = [uuid.UUID(new_id()).int for _ in range(IDS_AT_ONCE)]
    ever, always = 0, -1
    for number in numbers:
        ever |= number
        always &= number
    assert f"{ever ^ always:032x}" == "ffffffffffff0fff3fffffffffffffff"


def test_no_id_comes_twice() -> None:
    source = Ids()
    assert len({source.new() for _ in range(3 * IDS_AT_ONCE)}) == 3 * IDS_AT_ONCE


def test_the_kernel_is_asked_once_for_many_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def urandom(size: int) -> bytes:
        asked.append(size)
        return bytes(range(256)) * (size // 256)

    monkeypatch.setattr(ids.os, "urandom", urandom)
    source = Ids()
    for _ in range(IDS_AT_ONCE + 1):
        source.new()
    assert len(asked) == 2


def test_a_forked_child_has_other_ids() -> None:
    new_id()  # so that there are random bytes that both could use
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, new_id().encode())
        os._exit(0)
    try:
        assert os.read(reading, 64).decode() not in {new_id() for _ in range(IDS_AT_ONCE)}
    finally:
        os.waitpid(child, 0)
        os.close(reading)
        os.close(writing)


def test_a_listing_goes_on_behind_an_id_that_it_has() -> None:
    assert ids_after(["a", "b", "c"], None, ContextNotFound) == ["a", "b", "c"]
    assert ids_after(["a", "b", "c"], "b", ContextNotFound) == ["c"]
    assert ids_after(["a"], "a", ContextNotFound) == []
    with pytest.raises(ContextNotFound, match="d"):
        ids_after(["a"], "d", ContextNotFound)
