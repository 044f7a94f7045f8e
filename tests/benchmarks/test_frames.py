"""``python -m benchmarks.frames``: the readers of frames side by side."""

from benchmarks.frames.__main__ import verdict
from benchmarks.frames.libraries import READERS, WRITERS
from benchmarks.frames.rules import AFTER, BROKEN, TEXT, frame


async def test_every_reader_reads_what_keeps_the_rules() -> None:
    for name, make in READERS.items():
        assert (name, make()(frame(TEXT, b"a") + frame(TEXT, b"b"))) == (name, [b"a", b"b"])


async def test_the_daemons_reader_refuses_what_breaks_a_rule() -> None:
    for rule, (stream, code) in BROKEN.items():
        assert (rule, verdict(READERS["interpreterd"]()(stream), code)) == (rule, "yes")
    assert READERS["interpreterd"]()(AFTER) == []


async def test_a_verdict_tells_another_code_and_what_was_taken() -> None:
    assert [verdict(found, 1002) for found in ([b"a", 1002], [1009], [b"a"], [])] == ["yes", "1009", "no", "no"]


async def test_every_writer_writes() -> None:
    for make in WRITERS.values():
        make()(b"a")
