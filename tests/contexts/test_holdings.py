"""The ledger of clients' code: bytes of memory, within limits."""

import sys

import pytest

from interpreterd.contexts.holdings import Holdings, held_bytes
from interpreterd.model.errors import LimitReached
from interpreterd.model.requests import Execute

MIB = 1 << 20
WIDE = "#\U0001f600" + "x" * (MIB // 2)  # one wide character makes Python keep four bytes for every character
WIDE_BYTES = 3 * MIB  # 2 MiB of characters, and UTF-8 twice


def test_it_counts_memory_and_not_characters() -> None:
    plain, wide = Execute(code="x" * MIB), Execute(code=WIDE)
    assert 3 * MIB <= held_bytes(plain, MIB) < 3.01 * MIB
    assert WIDE_BYTES <= held_bytes(wide, len(WIDE.encode())) < 1.01 * WIDE_BYTES
    assert sys.getsizeof(WIDE) > 2 * MIB


def test_a_short_one_costs_more_than_its_code() -> None:
    assert 2 << 10 < held_bytes(Execute(code="pass"), 4) < 8 << 10


def test_variables_count_as_well() -> None:
    large = Execute(code="pass", envs={"A": "x" * MIB})
    many = Execute(code="pass", envs={str(number): "" for number in range(1000)})
    assert held_bytes(large, 4) > MIB
    assert held_bytes(many, 4) > 200_000


def test_what_is_refused_is_not_held() -> None:
    everyone = Holdings(10, "all hold")
    one, other = Holdings(8, "one holds", within=everyone), Holdings(8, "the other holds", within=everyone)
    one.take(8)
    with pytest.raises(LimitReached, match=r"one holds too much code: .* is 8 bytes"):
        one.take(1)
    with pytest.raises(LimitReached, match=r"all hold too much code: .* is 10 bytes"):
        other.take(3)
    assert (one.bytes, other.bytes, everyone.bytes) == (8, 0, 8)
    other.take(2)
    one.give_back(8)
    assert (one.bytes, other.bytes, everyone.bytes) == (0, 2, 2)
