"""Random bytes, and messages that are almost right, for the parsers and for a daemon."""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from frames import CLOSE, PING, TEXT, frame, open_raw
from harness import PREFIX

from interpreterd.dialects.native import operations
from interpreterd.dialects.native.requests import parse_create, parse_execute
from interpreterd.http.decoding import decode_large
from interpreterd.http.fields import decode_json
from interpreterd.model.errors import InterpreterError, ProtocolError
from interpreterd.pipe.decoders import Decoder, TextDecoder
from soak import ROOT
from soak.junk import junk_bytes, junk_message, mutated
from soak.report import Phase
from soak.watch import Watched, watched

TURN_S = 0.05  # of the parsers, before the loop has its turn
CLIENTS = 8
GOLDEN = ROOT / "tests" / "golden"


async def fuzz(seconds: float, seed: str, directory: Path) -> list[Phase]:
    """Fuzz the parsers for one half of the time and a daemon for the other."""
    parsers, sockets = (
        Phase(f"fuzz of the parsers, {seconds / 2:.0f} s"),
        Phase(f"fuzz of a daemon, {seconds / 2:.0f} s"),
    )
    _fuzz_parsers(parsers, random.Random(f"{seed} parsers"), time.monotonic() + seconds / 2)
    async with watched(sockets, directory) as it:
        until = time.monotonic() + seconds / 2
        async with asyncio.TaskGroup() as tasks:
            for number in range(CLIENTS):
                tasks.create_task(_fuzz_daemon(it, random.Random(f"{seed} {number}"), until))
    return [parsers, sockets]


def _fuzz_parsers(phase: Phase, chooser: random.Random, until: float) -> None:
    lines = [line for file in GOLDEN.glob("*.jsonl") for line in file.read_bytes().splitlines(keepends=True)]
    parsers: dict[str, Callable[[bytes], object]] = {
        "worker's messages": lambda data: [Decoder().feed(data)],
        "worker's messages in pieces": lambda data: _feed(Decoder(), _pieces(data, chooser)),
        "output": lambda data: _decode_text(data, chooser),
        "Execute": lambda data: parse_execute(decode_json(data, "the message")),
        "large JSON": lambda data: decode_large(data, "the message"),
        "CreateContext": lambda data: parse_create(decode_json(data, "the body")),
        "session": lambda data: _parse_operation(data),
    }
    while time.monotonic() < until:
        data = b"".join(chooser.choices(lines, k=chooser.randrange(1, 4))) if chooser.random() < 0.8 else b""
        data = mutated(data, chooser) if chooser.random() < 0.7 else junk_message(chooser)
        name = chooser.choice(list(parsers))
        phase.count("inputs", name)
        try:
            parsers[name](data)
        except (ProtocolError, InterpreterError):
            phase.count("refused", name)
        except Exception as error:
            phase.expect(False, f"{name} raised {error!r} for {data!r}")


def _pieces(data: bytes, chooser: random.Random) -> Iterator[bytes]:
    start = 0
    while start < len(data):
        end = start + chooser.choice((1, 2, 7, 100))
        yield data[start:end]
        start = end


def _feed(decoder: Decoder, pieces: Iterator[bytes]) -> None:
    for piece in pieces:
        decoder.feed(piece)


def _decode_text(data: bytes, chooser: random.Random) -> None:
    decoder = TextDecoder()
    text = "".join(part for piece in _pieces(data, chooser) for part, _ in decoder.feed(piece))
    text += "".join(part for part, _ in decoder.end())
    assert text == data.decode(errors="replace"), "the pieces are not the whole"


def _parse_operation(data: bytes) -> None:
    message = operations.parse_message(decode_json(data, "the message"))
    operations.parse_request_id(message)
    operations.parse_operation(message)


async def _fuzz_daemon(it: Watched, chooser: random.Random, until: float) -> None:
    """Be one client after the other. Each ends by a close, a reset, or just by disconnecting."""
    while time.monotonic() < until:
        path = chooser.choice(("/execute", "/session", "/session"))
        it.phase.count("connections", path)
        if chooser.random() < 0.2:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", it.port)
                writer.write(junk_bytes(chooser))
                await writer.drain()
                writer.close()
            continue
        async with open_raw(it.port, PREFIX + path) as raw:
            for _ in range(chooser.randrange(6)):
                await raw.send(_cut(frame(TEXT, junk_message(chooser)), chooser) if chooser.random() < 0.3 else b"")
                await raw.send(frame(TEXT, junk_message(chooser)))
            await raw.send(chooser.choice((junk_bytes(chooser), frame(PING), frame(CLOSE), b"")))
            if chooser.random() < 0.3:
                raw.reset()
            else:
                raw.end()
                frames = await raw.rest()
                codes = [seen.close_code for seen in frames if seen.opcode == CLOSE]
                it.phase.expect(len(codes) <= 1 and 1011 not in codes, f"{path} was closed with {codes}")


def _cut(data: bytes, chooser: random.Random) -> bytes:
    return data[: chooser.randrange(len(data) + 1)]
