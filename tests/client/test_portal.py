"""``client.portal``: a thread runs coroutines for other threads."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from interpreterd.client.portal import Portal


@pytest.fixture
def portal() -> Iterator[Portal]:
    portal = Portal()
    yield portal
    portal.close()


async def thread() -> int:
    return threading.get_ident()


async def fail() -> None:
    raise LookupError("why")


def test_it_returns_what_a_coroutine_returns_or_raises_from_a_thread_of_its_own(portal: Portal) -> None:
    assert portal.wait(thread()) == portal.wait(thread()) != threading.get_ident()
    with pytest.raises(LookupError, match="why"):
        portal.wait(fail())


async def test_it_waits_where_an_event_loop_runs(portal: Portal) -> None:
    assert await asyncio.to_thread(portal.wait, thread()) != threading.get_ident()


def test_whoever_waits_when_it_is_closed_is_let_go_and_the_coroutine_is_cancelled(portal: Portal) -> None:
    began, seen = threading.Event(), []

    async def wait() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    def call() -> None:
        with pytest.raises(RuntimeError, match="the client is closed"):
            portal.wait(wait())
        seen.append("let go")

    waiting = threading.Thread(target=call)
    waiting.start()
    began.wait()
    portal.close()
    waiting.join()
    assert seen == ["cancelled", "let go"]


def test_closed_it_runs_nothing_and_its_thread_has_ended(portal: Portal) -> None:
    before = portal.wait(thread())
    portal.close()
    portal.close()
    assert before not in [it.ident for it in threading.enumerate()]
    with pytest.raises(RuntimeError, match="the client is closed"):
        portal.wait(fail())
