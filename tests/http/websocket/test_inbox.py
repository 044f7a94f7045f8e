"""Received messages: bounded in number, size and time, and the end is told after them."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from frames import BINARY, CLOSE, CONTINUATION, PING, TEXT, frame

from interpreterd.http.closing import Closing
from interpreterd.http.settings import HttpSettings
from interpreterd.http.websocket.frames import CloseFrame, Message, Ping
from interpreterd.http.websocket.inbox import (
    CROWDED,
    LATE,
    TAKEN_AT_ONCE,
    WAITING_BYTES,
    WAITING_MESSAGES,
    Inbox,
)
from interpreterd.model.errors import LimitReached


class FakeTransport:
    """Notes whether it reads."""

    def __init__(self) -> None:
        self.reading = True

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class FakeClock:
    """A loop whose time the test sets. Timers are called as it passes."""

    def __init__(self) -> None:
        self.now = 1e6
        self._timers: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, after_s: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        self._timers.append((self.now + after_s, call))
        return asyncio.get_running_loop().call_later(1000, call)

    def create_future(self) -> asyncio.Future[None]:
        return asyncio.get_running_loop().create_future()

    def advance(self, seconds: float) -> None:
        """Let time pass. Timers that were cancelled are called, too: the inbox has to be right nevertheless."""
        self.now += seconds
        due = [call for at, call in self._timers if at <= self.now]
        self._timers = [timer for timer in self._timers if timer[0] > self.now]
        for call in due:
            call()


class Received:
    """An inbox, and what it has told."""

    def __init__(self, *, room_bytes: int = 1 << 30, pause_s: float = 1000, loop: Any = None) -> None:
        self.transport: Any = FakeTransport()
        self.controls: list[object] = []
        self.refusals: list[Closing] = []
        self.held_bytes = 0
        self._room_bytes = room_bytes
        self.inbox = Inbox(
            self.transport,
            loop or asyncio.get_running_loop(),
            HttpSettings(body_limit_bytes=1 << 20, body_timeout_s=pause_s),
            control=self.controls.append,
            refuse=self._refuse,
            hold=self._hold,
        )

    def _refuse(self, closing: Closing) -> None:
        self.refusals.append(closing)
        self.inbox.end()

    def _hold(self, change_bytes: int) -> None:
        self.held_bytes += change_bytes
        if change_bytes > 0 and self.held_bytes > self._room_bytes:
            raise LimitReached("full")


def numbers(count: int) -> bytes:
    return b"".join(frame(TEXT, b"%d" % number) for number in range(count))


async def rest(it: Received) -> list[bytes]:
    received = []
    while (message := await it.inbox.receive()) is not None:
        received.append(message.data)
    return received


async def test_messages_are_received_in_order_before_the_end() -> None:
    it = Received()
    it.inbox.feed(numbers(3) + frame(CLOSE, b"\x03\xe8"))
    assert it.controls == [CloseFrame(1000)]
    it.inbox.end()
    assert await rest(it) == [b"0", b"1", b"2"]


async def test_a_receiver_waits_for_the_end_of_a_message() -> None:
    it = Received()
    receiving = asyncio.create_task(it.inbox.receive())
    await asyncio.sleep(0)
    it.inbox.feed(frame(TEXT, b"a", fin=False))
    await asyncio.sleep(0)
    assert not receiving.done()
    it.inbox.feed(frame(CONTINUATION, b"b"))
    assert await receiving == Message(b"ab")


@pytest.mark.parametrize("size", [1, WAITING_BYTES])
async def test_a_client_that_sends_much_is_not_read_until_its_messages_are_taken(size: int) -> None:
    it = Received()
    count = 3 * WAITING_MESSAGES
    it.inbox.feed(frame(BINARY, b"x" * size) * count)
    assert not it.transport.reading
    for _ in range(count):
        message = await it.inbox.receive()
        assert message is not None
        assert len(message.data) == size
    assert it.transport.reading


async def test_pings_that_come_all_at_once_let_others_have_their_turn() -> None:
    it = Received()
    it.inbox.feed(frame(PING, b"there") * (TAKEN_AT_ONCE + 1))
    assert it.controls == [Ping(b"there")] * TAKEN_AT_ONCE
    assert not it.transport.reading
    await asyncio.sleep(0)
    assert it.controls == [Ping(b"there")] * (TAKEN_AT_ONCE + 1)
    assert it.transport.reading


async def test_a_message_that_is_processed_keeps_no_client_from_leaving() -> None:
    it = Received()
    it.inbox.feed(frame(BINARY, b"x" * WAITING_BYTES))
    assert await it.inbox.receive() is not None
    assert it.transport.reading


async def test_large_messages_are_counted_until_they_have_been_processed() -> None:
    it = Received()
    size = 2 * WAITING_BYTES
    it.inbox.feed(frame(BINARY, b"x" * size))
    await it.inbox.receive()
    assert it.held_bytes == size
    it.inbox.close()
    assert it.held_bytes == 0


async def test_too_much_on_all_connections_together_is_refused() -> None:
    it = Received(room_bytes=WAITING_BYTES)
    it.inbox.feed(frame(BINARY, b"x" * 2 * WAITING_BYTES, claims=1 << 20))
    assert it.refusals == [CROWDED]
    assert it.held_bytes == 0


async def test_a_message_that_pauses_is_refused() -> None:
    clock = FakeClock()
    it = Received(pause_s=30, loop=clock)
    it.inbox.feed(frame(TEXT, b"whole"))
    clock.advance(5000)  # silence between messages is no pause within one
    it.inbox.feed(frame(BINARY, b"half", claims=100))
    clock.advance(29)
    it.inbox.feed(b"more")
    clock.advance(29)
    assert it.refusals == []
    clock.advance(2)
    assert it.refusals == [LATE]
    assert await rest(it) == [b"whole"]


async def test_a_message_that_comes_in_drops_has_a_limit_in_all() -> None:
    clock = FakeClock()
    it = Received(pause_s=30, loop=clock)
    it.inbox.feed(frame(BINARY, b"", claims=1000))
    for _ in range(14):
        it.inbox.feed(b"a drop")
        clock.advance(20)
    assert it.refusals == []
    it.inbox.feed(b"a drop")
    clock.advance(29)
    assert it.refusals == [LATE]


async def test_a_dismissed_receiver_has_run_out_of_time() -> None:
    it = Received()
    receiving = asyncio.create_task(it.inbox.receive(1000))
    await asyncio.sleep(0)
    it.inbox.dismiss()
    with pytest.raises(TimeoutError):
        await receiving


async def test_a_listener_gets_one_message_after_the_other_and_then_the_end() -> None:
    it = Received()
    got: list[bytes] = []
    ended = asyncio.Event()

    async def listen(message: Message) -> None:
        await asyncio.sleep(0)
        got.append(message.data)

    it.inbox.listen(ended.set, listen)
    it.inbox.feed(numbers(2 * WAITING_MESSAGES))
    it.inbox.end()
    await ended.wait()
    assert got == [b"%d" % number for number in range(2 * WAITING_MESSAGES)]


async def test_without_a_listener_messages_are_dropped() -> None:
    it = Received()
    ended = asyncio.Event()
    it.inbox.listen(ended.set, None)
    it.inbox.feed(frame(BINARY, b"x" * WAITING_BYTES) * 3)
    assert it.transport.reading
    assert not ended.is_set()
    it.inbox.end()
    assert ended.is_set()
