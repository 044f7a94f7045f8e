"""The order of output from three pipes, tested with pipes in memory."""

import itertools
import random
from collections.abc import Callable

import pytest

from interpreterd.model.events import Stream
from interpreterd.pipe.turns import DISPLAY, MARK_BYTES, PIPES, WRITERS_LIMIT, Turns

OUT, ERR = Stream.STDOUT, Stream.STDERR
SECRET = "0123456789abcdef"
SEED = 19


def end(number: int, writer: int = 7) -> bytes:
    """Return the mark that a writer writes to a stream before it changes to the other stream."""
    return b"\xff" + SECRET.encode() + b"<%08x%08x" % (writer, number)


def beginning(number: int, writer: int = 7) -> bytes:
    """Return the mark that the writer then writes to the other stream."""
    return end(number, writer).replace(b"<", b">")


class Pipes:
    """The pipes, and the pieces that ``Turns`` has delivered."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {OUT: b"", ERR: b"", DISPLAY: b""}
        self.pieces: list[tuple[str, bytes]] = []
        self.turns = Turns(lambda stream, data: self.pieces.append((stream, data)))
        self.turns.use(SECRET)

    @property
    def text(self) -> bytes:
        """All delivered text."""
        return b"".join(data for _, data in self.pieces)

    def take(self, stream: str, size: int | None = None) -> bytes:
        """Take up to ``size`` bytes, and the rest of a mark that they cut, from a pipe."""
        self.held.setdefault(stream, b"")
        data, self.held[stream] = self.held[stream][:size], self.held[stream][len(self.held[stream][:size]) :]
        if missing := self.turns.missing_bytes(data):
            data, self.held[stream] = data + self.held[stream][:missing], self.held[stream][missing:]
        return data

    def read(self, stream: str, size: int | None = None) -> None:
        """Read from a pipe as the daemon does when it has data."""
        self.turns.add(stream, self.take(stream, size))
        assert self.turns.deliver(self.take)


@pytest.fixture
def pipes() -> Pipes:
    """Return empty pipes."""
    return Pipes()


def turns(letters: bytes, writer: int = 7, first: Stream = OUT) -> dict[str, bytes]:
    """Return the bytes of both pipes after a writer wrote each letter to the other stream than the last."""
    held: dict[str, bytes] = {OUT: b"", ERR: b""}
    stream, other = first, OUT if first is ERR else ERR
    for number, letter in enumerate(letters, 1):
        held[stream] += bytes([letter]) + end(number, writer)
        held[other] += beginning(number, writer)
        stream, other = other, stream
    return held


@pytest.mark.parametrize("first", [OUT, ERR])
@pytest.mark.parametrize("read", [OUT, ERR])
def test_whichever_is_read_first(pipes: Pipes, first: Stream, read: Stream) -> None:
    pipes.held = turns(b"abcde", first=first)
    pipes.read(read)
    pipes.read(OUT)
    pipes.read(ERR)
    assert pipes.text == b"abcde"


@pytest.mark.parametrize("order", list(itertools.permutations([OUT, ERR, DISPLAY])))
@pytest.mark.parametrize("program", ["oedoed", "deo", "odedo", "ded", "oodd"])
def test_output_data_comes_where_the_program_has_shown_it(pipes: Pipes, program: str, order: tuple[str, ...]) -> None:
    """Each letter of the program is a write, to one of the three pipes, which are read in any order."""
    number, last = 0, None
    for letter in program:
        pipe = {"o": OUT, "e": ERR, "d": DISPLAY}[letter]
        if last is not None and last != pipe:
            number += 1
            pipes.held[last] += end(number)
            sign = b"%d" % PIPES.index(last)
            pipes.held[pipe] += end(number).replace(b"<", sign)
        pipes.held[pipe] += letter.encode()
        last = pipe
    for pipe in order:
        pipes.read(pipe)
    assert pipes.text == program.encode()


def test_output_data_without_a_mark_comes_before_text_that_is_read_together_with_it(pipes: Pipes) -> None:
    pipes.turns.add(OUT, b"of a child")
    pipes.turns.add(DISPLAY, b"data, ")
    assert pipes.turns.deliver(pipes.take)
    assert pipes.text == b"data, of a child"


def test_a_turn_may_come_in_pieces(pipes: Pipes) -> None:
    pipes.held[OUT] = b"a"
    pipes.read(OUT)
    pipes.held = {OUT: b"b" + end(1), ERR: beginning(1) + b"c"}
    pipes.read(ERR)
    assert pipes.pieces == [(OUT, b"a"), (OUT, b"b"), (ERR, b"c")]


def test_a_mark_that_a_read_cuts_is_completed(pipes: Pipes) -> None:
    for size in range(1, MARK_BYTES + 2):
        pipes.held[OUT] = b"a" + end(1) + b"b"
        pipes.read(OUT, size)
        pipes.read(OUT)
        assert pipes.text == b"ab", size
        pipes.pieces.clear()


@pytest.mark.parametrize("rest", [b"\xff", b"\xff0123", b"\xff" + SECRET.encode()[:-1] + b"x", b"\xff\xff\xff"])
def test_bytes_that_are_not_a_mark_are_text(pipes: Pipes, rest: bytes) -> None:
    pipes.held[OUT] = b"a" + rest
    pipes.read(OUT)
    assert pipes.text == b"a" + rest
    pipes.held[OUT] = rest + b"b"
    pipes.read(OUT)
    assert pipes.text == b"a" + rest + rest + b"b"


def test_before_the_secret_is_known_everything_is_text() -> None:
    pieces: list[bytes] = []
    turns = Turns(lambda stream, data: pieces.append(data))
    turns.add(OUT, b"a" + end(1))
    turns.deliver(lambda stream: b"")
    assert pieces == [b"a" + end(1)]
    assert turns.missing_bytes(b"\xff") == 0


def test_an_end_that_was_never_written_holds_nothing_back(pipes: Pipes) -> None:
    pipes.held = {OUT: b"a", ERR: beginning(1) + b"b" + end(3)}
    pipes.read(ERR)
    pipes.read(OUT)
    assert sorted(pipes.text) == list(b"ab")
    pipes.held = {OUT: beginning(4) + b"d", ERR: b"c" + end(4)}
    pipes.read(OUT)
    assert pipes.text.endswith(b"cd")


def test_a_child_counts_its_own_turns(pipes: Pipes) -> None:
    child = turns(b"bcd", 8)
    pipes.held = {OUT: b"a" + child[OUT] + end(1), ERR: child[ERR] + beginning(1) + b"e"}
    pipes.read(ERR)
    pipes.read(OUT)
    assert pipes.text == b"abcde"


@pytest.mark.parametrize(
    "forged",
    [
        end(2**32 - 1),
        beginning(2**32 - 1),
        end(0) + beginning(0),
        beginning(5) * 3,
        b"\xff" + SECRET.encode() + b"<not hexadecimal!",
        b"\xff" + SECRET.encode(),
        b"".join(kind(number, writer) for writer in range(99) for number in (3, 1, 2) for kind in (end, beginning)),
    ],
)
def test_forged_marks_lose_no_text(pipes: Pipes, forged: bytes) -> None:
    for stream in (OUT, ERR):
        pipes.held[stream] = b"(" + forged + b")"
        pipes.read(stream)
    assert [pipes.text.count(letter) for letter in (b"(", b")")] == [2, 2]
    assert len(pipes.turns._ended) <= WRITERS_LIMIT
    pipes.pieces.clear()
    pipes.held = turns(b"abc", 9)
    pipes.read(ERR)
    pipes.read(OUT)
    assert pipes.text == b"abc"


def test_much_is_delivered_in_parts(pipes: Pipes) -> None:
    pipes.held = turns(b"ab" * 1000)
    pipes.turns.add(ERR, pipes.take(ERR))
    parts = 1
    while not pipes.turns.deliver(pipes.take, 100):
        parts += 1
    assert pipes.text == b"ab" * 1000
    assert parts > 10


def test_any_reads_of_any_writers_keep_each_writers_order() -> None:
    """Writers go on meanwhile: a read of any size, from either pipe, may come between any two writes."""
    chance = random.Random(SEED)
    for _ in range(300):
        pipes = Pipes()
        written: dict[int, list[bytes]] = {1: [], 2: []}
        writers = {writer: _writer(pipes, writer, chance, written[writer]) for writer in written}

        def take(stream: Stream, pipes: Pipes = pipes, writers: dict[int, Callable[[], None]] = writers) -> bytes:
            data = pipes.take(stream)
            if chance.random() < 0.5:
                writers[chance.choice([1, 2])]()
            return data

        for _ in range(40):
            writers[chance.choice([1, 2])]()
            if chance.random() < 0.4:
                stream = chance.choice([OUT, ERR])
                pipes.turns.add(stream, pipes.take(stream, chance.choice([1, 5, 40, None])))
                pipes.turns.deliver(take)
        for stream in Stream:
            pipes.turns.add(stream, pipes.take(stream))
        pipes.turns.deliver(pipes.take)
        for writer, letters in ((1, b"abcdefghij"), (2, b"ABCDEFGHIJ")):
            assert bytes(byte for byte in pipes.text if byte in letters) == b"".join(written[writer]), SEED


def _writer(pipes: Pipes, writer: int, chance: random.Random, written: list[bytes]) -> Callable[[], None]:
    """Return a function that writes a letter to a random stream, after a mark if the stream has changed."""
    turn: Stream | None = None
    number = 0

    def write() -> None:
        nonlocal turn, number
        stream = chance.choice([OUT, ERR])
        if turn not in (None, stream):
            number += 1
            pipes.held[turn] += end(number, writer)  # type: ignore[index]
            pipes.held[stream] += beginning(number, writer)
        turn = stream
        letter = bytes([(b"abcdefghij" if writer == 1 else b"ABCDEFGHIJ")[len(written) % 10]])
        written.append(letter)
        pipes.held[stream] += letter

    return write
