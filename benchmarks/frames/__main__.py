"""The command line: ``python -m benchmarks.frames [--rounds N]``."""

import argparse
import asyncio
import gc
import importlib.metadata
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Final

import benchmarks.frames
from benchmarks.frames.libraries import READERS, WRITERS
from benchmarks.frames.rules import AFTER, AFTER_CLOSE, BROKEN, TEXT, frame

SHORT: Final = b'{"code": "print(1 + 1)", "timeout": 600}'
SIZES: Final = {"40 bytes": SHORT, "64 KiB": b"x" * (64 << 10), "1 MiB": b"x" * (1 << 20)}
READ_BYTES: Final = 256_000  # the most that uvloop reads at once
TURN_S: Final = 0.02


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.frames", description=benchmarks.frames.__doc__)
    parser.add_argument("--rounds", type=int, default=15, metavar="N", help="turns of each side")
    asyncio.run(_compare(parser.parse_args().rounds))


async def _compare(rounds: int) -> None:
    print(", ".join(f"{name} {importlib.metadata.version(name)}" for name in READERS), "\n")
    print(_row("rule", *READERS), _row(*["---"] * (len(READERS) + 1)), sep="\n")
    for rule, (stream, code) in BROKEN.items():
        print(_row(rule, *(verdict(make()(stream), code) for make in READERS.values())))
    print(_row(AFTER_CLOSE, *("no" if b"{}" in make()(AFTER) else "yes" for make in READERS.values())))
    print("\n" + _row("processor time, ÷ aiohttp's", *READERS), _row(*["---"] * (len(READERS) + 1)), sep="\n")
    for name, payload in SIZES.items():
        data = frame(TEXT, payload)
        pieces = [data[start : start + READ_BYTES] for start in range(0, len(data), READ_BYTES)]
        sides = {side: _reading(make(), pieces, payload) for side, make in READERS.items()}
        print(_row(f"a masked text of {name} in", *_measured(sides, rounds)))
    for name, payload in SIZES.items():
        writers = {side: make() for side, make in WRITERS.items()}
        print(_row(f"a text of {name} out", *_measured({s: _writing(w, payload) for s, w in writers.items()}, rounds)))


def verdict(found: list[bytes | int], code: int) -> str:
    """Return whether the stream that was ``found`` to be so was refused with ``code``, or with another one."""
    match found[-1:]:
        case [int(given)] if given == code:
            return "yes"
        case [int(given)]:
            return str(given)
        case _:
            return "no"


def _reading(read: Callable[[bytes], list[bytes | int]], pieces: list[bytes], payload: bytes) -> Callable[[], None]:
    def once() -> None:
        found = [message for piece in pieces for message in read(piece)]
        assert found == [payload]

    return once


def _writing(write: Callable[[bytes], object], payload: bytes) -> Callable[[], None]:
    def once() -> None:
        write(payload)

    return once


def _measured(sides: Mapping[str, Callable[[], None]], rounds: int) -> list[str]:
    """Return the time of one call of each side, and its ratio to aiohttp's; the sides take turns."""
    counts = {name: _count(call) for name, call in sides.items()}
    turns: dict[str, list[float]] = {name: [] for name in sides}
    gc.disable()
    for _ in range(rounds):
        for name, call in sides.items():
            turns[name].append(_time(call, counts[name]))
        gc.collect()
    gc.enable()
    told = []
    for seconds in turns.values():
        ratio = statistics.median(mine / its for mine, its in zip(seconds, turns["aiohttp"], strict=True))
        told.append(f"{statistics.median(seconds) * 1e6:.3g} µs, {ratio:.2f}")
    return told


def _time(call: Callable[[], None], count: int) -> float:
    start = time.process_time()
    for _ in range(count):
        call()
    return (time.process_time() - start) / count


def _count(call: Callable[[], None]) -> int:
    count = 1
    while _time(call, count) * count < TURN_S:
        count *= 2
    return count


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
