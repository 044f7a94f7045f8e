"""Abuse of WebSocket frames: damaged streams, messages that stop or never end, and clients that do not read."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, RawSocket, frame, open_raw
from harness import PREFIX

from soak.junk import junk_message, mutated
from soak.report import Phase
from soak.watch import Watched, watched

CLIENTS = 8
PATHS = ("/execute", "/session", "/context/default/events")
PAUSE_S = 0.5  # that the daemon allows within a message
END_LIMIT_S = 20.0  # of one connection: far more than the daemon needs on the busiest machine
LIMIT_BYTES = 1 << 20
FRAGMENTS = 70_000  # more than one message may have
PINGS = 20_000
FLAGS = ("--body-timeout-s", str(PAUSE_S), "--body-limit-bytes", str(LIMIT_BYTES), "--first-message-timeout-s", "5")
Attack = Callable[[RawSocket, random.Random], Awaitable[frozenset[int]]]
"""Send it, and return the close codes that the daemon may answer with; of none of them if it is empty."""
REFUSALS = frozenset({1002, 1007, 1008, 1009})


async def abuse(seconds: float, seed: str, directory: Path) -> list[Phase]:
    """Abuse a daemon for some seconds, by several clients at once."""
    phase = Phase(f"abuse of frames, {seconds:.0f} s")
    async with watched(phase, directory, *FLAGS) as it:
        until = time.monotonic() + seconds
        async with asyncio.TaskGroup() as tasks:
            for number in range(CLIENTS):
                tasks.create_task(_attack(it, random.Random(f"{seed} abuse {number}"), until))
    return [phase]


async def _attack(it: Watched, chooser: random.Random, until: float) -> None:
    while time.monotonic() < until:
        name, path = chooser.choice(list(ATTACKS)), chooser.choice(PATHS)
        it.phase.count("attacks", name)
        try:
            async with asyncio.timeout(END_LIMIT_S), open_raw(it.port, PREFIX + path) as raw:
                allowed = await ATTACKS[name](raw, chooser)
                if chooser.random() < 0.2:
                    raw.reset()
                    continue
                if not allowed:
                    raw.end()
                found = await raw.rest()
        except TimeoutError:
            it.phase.expect(False, f"{name} on {path} had no end within {END_LIMIT_S:.0f} s")
            continue
        codes = [seen.close_code for seen in found if seen.opcode == CLOSE]
        it.phase.expect(len(codes) <= 1 and 1011 not in codes, f"{name} on {path} was closed with {codes}")
        it.phase.expect(not codes or found[-1].opcode == CLOSE, f"{name} on {path}: frames came after the close")
        it.phase.expect(not allowed or set(codes) <= allowed, f"{name} on {path} was closed with {codes}")


def _stream(chooser: random.Random) -> bytes:
    """Return messages in fragments, with control frames between them, and perhaps a close."""
    data = b""
    for _ in range(chooser.randrange(1, 4)):
        whole, parts = junk_message(chooser), chooser.randrange(1, 5)
        size = len(whole) // parts + 1
        for number in range(parts):
            opcode = CONTINUATION if number else chooser.choice((TEXT, BINARY))
            data += frame(opcode, whole[number * size : (number + 1) * size], fin=number == parts - 1)
            if chooser.random() < 0.3:
                data += frame(chooser.choice((PING, PONG)), chooser.randbytes(chooser.randrange(126)))
    return data + frame(CLOSE, (1000).to_bytes(2)) if chooser.random() < 0.3 else data


async def _damaged(raw: RawSocket, chooser: random.Random) -> frozenset[int]:
    """Send a stream with faults, and a close so that it has an end."""
    await raw.send(mutated(_stream(chooser), chooser), frame(CLOSE))
    return frozenset()


async def _in_pieces(raw: RawSocket, chooser: random.Random) -> frozenset[int]:
    """Send a stream a few bytes at a time."""
    data = _stream(chooser)[:600]
    while data:
        size = chooser.choice((1, 2, 3, 7))
        await raw.send(data[:size])
        data = data[size:]
    await raw.send(frame(CLOSE))
    return frozenset()


async def _stalled(raw: RawSocket, chooser: random.Random) -> frozenset[int]:
    """Begin a message, and send no more of it."""
    whole = frame(TEXT, b"x" * 1000, fin=chooser.random() < 0.5)
    await raw.send(whole[: chooser.randrange(1, len(whole))])
    return frozenset({1008})


async def _endless(raw: RawSocket, chooser: random.Random) -> frozenset[int]:
    """Send more fragments, or more bytes, than a message may have."""
    if chooser.random() < 0.5:
        await raw.send(frame(TEXT, fin=False), frame(CONTINUATION, fin=False) * FRAGMENTS)
    else:
        await raw.send(frame(BINARY, fin=False), frame(CONTINUATION, b"x" * (LIMIT_BYTES // 7), fin=False) * 8)
    return frozenset({1009})


async def _unread(raw: RawSocket, chooser: random.Random) -> frozenset[int]:
    """Send pings without reading a pong, then read them all."""
    raw.stop_reading()
    sending = asyncio.create_task(raw.send(frame(PING, chooser.randbytes(125)) * PINGS, frame(CLOSE)))
    await asyncio.wait([sending], timeout=PAUSE_S)
    raw.read_on()
    await sending
    return frozenset()


async def _broken(raw: RawSocket, chooser: random.Random) -> frozenset[int]:
    """Break one rule, and go on."""
    fault = chooser.choice(
        (
            frame(TEXT, b"{}", masked=False),
            frame(TEXT, b"{}", length_bytes=chooser.choice((2, 8))),
            frame(TEXT, b"{}", reserved=chooser.randrange(1, 8)),
            frame(chooser.choice((3, 7, 11, 15)), b"{}"),
            frame(CONTINUATION, b"{}"),
            frame(TEXT, b"\xff"),
            frame(CLOSE, chooser.choice((999, 1005, 1015, 5000)).to_bytes(2)),
            frame(BINARY, claims=chooser.choice((LIMIT_BYTES + 1, (1 << 63) - 1, 1 << 63))),
        )
    )
    await raw.send(fault, *[_stream(chooser)] * chooser.choice((0, 1, 100)))
    return REFUSALS


ATTACKS: dict[str, Attack] = {
    "damaged": _damaged,
    "in pieces": _in_pieces,
    "stalled": _stalled,
    "endless": _endless,
    "unread": _unread,
    "broken": _broken,
}
