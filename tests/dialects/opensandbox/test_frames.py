"""Events of an execution as frames."""

from typing import Any

import orjson
import pytest

from interpreterd.dialects.opensandbox.frames import BULK_CHARS, Frames, error_frame, separated
from interpreterd.model.displays import ClearOutput, Display, Json, Result
from interpreterd.model.errors import ContextDeleted
from interpreterd.model.events import Event, Failure, Finished, Gap, Outcome, Output, Queued, Started, Stream


def told(frames: Frames, *events: Event | Gap) -> list[dict[str, Any]]:
    """Return what a client gets for ``events``, without the times."""
    data = b"".join(separated(0, text) for event in events if (text := frames.render(0, event)) is not None)
    return decoded(data)


def decoded(data: bytes) -> list[dict[str, Any]]:
    bodies = [orjson.loads(part) for part in data.split(b"\n\n") if part]
    assert all(isinstance(body.pop("timestamp"), int) for body in bodies)
    return bodies


BEGIN = [{"type": "init", "text": "id"}, {"type": "ping", "text": "pong"}]


def out(text: str, stream: Stream = Stream.STDOUT) -> Output:
    return Output(stream=stream, text=text)


def test_an_execution_begins_with_its_id_and_ends_with_its_time() -> None:
    frames = told(Frames("id"), Started(worker_count=3), out("a\n"), Finished(outcome=Outcome.COMPLETED))
    assert frames.pop()["execution_time"] >= 1
    assert frames == [
        *BEGIN,
        {"type": "status", "text": "busy"},
        {"type": "execution_count", "execution_count": 3},
        {"type": "stdout", "text": "a\n"},
        {"type": "status", "text": "idle"},
    ]


def test_a_waiting_execution_tells_its_id_and_nothing_else() -> None:
    frames = Frames("id")
    assert told(frames, Queued(ahead=1)) == BEGIN
    assert told(frames, Queued(ahead=0), ClearOutput(wait=False), Gap(first=1, last=2)) == []


def test_results_have_their_types() -> None:
    data = {"text/plain": "1", "text/html": "<b>1</b>", "application/json": Json('{"a":1}')}
    frames = told(Frames("id"), Result(data=data, execution_count=1), Display(data={"image/png": "AA=="}))
    assert [frame["results"] for frame in frames[2:]] == [
        {"text": "1", "text/html": "<b>1</b>", "application/json": {"a": 1}},
        {"image/png": "AA=="},
    ]


@pytest.mark.parametrize(
    ("finished", "error"),
    [
        (
            Finished(outcome=Outcome.COMPLETED, error=Failure(name="E", value="v", traceback="a\nb\n")),
            {"ename": "E", "evalue": "v", "traceback": ["a", "b"]},
        ),
        (
            Finished(outcome=Outcome.CANCELLED, cause=ContextDeleted("x")),
            {"ename": "ContextError", "evalue": "context deleted: x", "traceback": []},
        ),
    ],
    ids=["raised", "cancelled"],
)
def test_an_error_is_the_last_frame(finished: Finished, error: dict[str, Any]) -> None:
    assert told(Frames("id"), finished)[-1] == {"type": "error", "error": error}


def test_the_last_line_of_much_output_waits_for_its_end() -> None:
    lines = "x" * BULK_CHARS + "\n"
    frames = Frames("id")
    assert told(frames, out(lines + "be"))[2:] == [{"type": "stdout", "text": lines}]
    assert told(frames, out("gun\n")) == [{"type": "stdout", "text": "begun\n"}]
    assert told(frames, out(lines + "cut"))[-1]["text"] == lines
    assert told(frames, out("err", Stream.STDERR)) == [
        {"type": "stdout", "text": "cut"},
        {"type": "stderr", "text": "err"},
    ]
    told(frames, out(lines + "last"))
    assert told(frames, Finished(outcome=Outcome.COMPLETED))[0] == {"type": "stdout", "text": "last"}


def test_a_line_without_an_end_is_not_kept_however_long() -> None:
    assert told(Frames("id"), out("x" * BULK_CHARS))[-1] == {"type": "stdout", "text": "x" * BULK_CHARS}
    assert told(Frames("id"), out("x"))[-1] == {"type": "stdout", "text": "x"}


def test_a_beat_is_a_ping_and_what_was_kept() -> None:
    frames = Frames("id")
    told(frames, out("x" * BULK_CHARS + "\nrest"))
    assert decoded(frames.beat()) == [{"type": "stdout", "text": "rest"}, {"type": "ping", "text": "pong"}]
    assert decoded(frames.beat()) == [{"type": "ping", "text": "pong"}]


def test_frames_of_a_command_have_its_own_end_and_no_results() -> None:
    frames = Frames("id", lambda finished, ms: error_frame("It", "ended"), shows_results=False)
    result = Result(data={"text/plain": "1"}, execution_count=1)
    kinds = [frame["type"] for frame in told(frames, Started(), result, Finished(outcome=Outcome.COMPLETED))]
    assert kinds == ["init", "ping", "status", "status", "error"]
