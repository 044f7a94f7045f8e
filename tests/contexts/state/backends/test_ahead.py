"""Other threads work ahead, and the order stays."""

import threading
from collections.abc import Iterator

import pytest

from interpreterd.contexts.state.backends.ahead import DEPTH, RING, done_ahead


@pytest.mark.parametrize("count", [0, 1, 2, 3, 50])
def test_the_order_stays(count: int) -> None:
    assert list(done_ahead(lambda it: it * 2, iter(range(count)))) == [it * 2 for it in range(count)]


def test_a_single_item_needs_no_other_thread() -> None:
    assert list(done_ahead(lambda _: threading.current_thread(), iter([1]))) == [threading.current_thread()]


def test_others_work_while_the_caller_does() -> None:
    names = list(done_ahead(lambda _: threading.current_thread().name, iter(range(8))))
    assert all(name.startswith("digests") for name in names)


def test_no_more_items_are_taken_than_buffers_are_there() -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        while taken < 40:
            taken += 1
            yield taken

    for given in done_ahead(lambda it: it, items()):
        assert taken - given < RING - 1
    assert DEPTH < RING


def test_an_error_comes_in_its_turn() -> None:
    def work(it: int) -> int:
        if it == 5:
            raise ZeroDivisionError
        return it

    working = done_ahead(work, iter(range(20)))
    assert [next(working) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(ZeroDivisionError):
        next(working)


def test_a_caller_that_ends_early_waits_for_the_work_on_its_items() -> None:
    begun, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def work(it: int) -> int:
        if it == 1:
            begun.set()
            may_end.wait()
            ended.set()
        return it

    working = done_ahead(work, iter(range(DEPTH + 5)))
    assert next(working) == 0
    begun.wait()
    threading.Timer(0, may_end.set).start()
    working.close()
    assert ended.is_set()
