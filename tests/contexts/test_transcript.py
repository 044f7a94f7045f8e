"""What a context's executions say, to their own clients and to who follows the context."""

from interpreterd.contexts.executions import Execution, Executions
from interpreterd.contexts.transcript import Transcript
from interpreterd.machine.effects import Finish
from interpreterd.model.errors import ExecutionInterrupted
from interpreterd.model.events import (
    EVENT_LIMIT_CHARS,
    Event,
    Failure,
    Finished,
    Gap,
    Happened,
    InputRequest,
    Outcome,
    Output,
    Queued,
    Raised,
    Restarted,
    Started,
    Stream,
    Submitted,
    WorkerEnded,
)
from interpreterd.model.requests import Execute

FAILURE = Failure(name="KeyboardInterrupt", value="")
CAUSE = ExecutionInterrupted("interrupted by a client")


class Room:
    """Counts how often there was room again."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> None:
        self.calls += 1


def register(limit_bytes: int = 1 << 20) -> Executions:
    return Executions(limit_bytes=limit_bytes, journal_limit_bytes=1 << 20)


def transcript(executions: Executions | None = None, output_limit_bytes: int | None = None) -> Transcript:
    return Transcript("c", executions or register(), backlog_bytes=600, output_limit_bytes=output_limit_bytes)


def out(text: str) -> Output:
    return Output(stream=Stream.STDOUT, text=text)


def submit(it: Transcript, code: str = "pass", *, client: Room | None = None) -> Execution:
    return it.new(Execute(code=code, origin="ada"), on_room=client)


def complete(it: Transcript, execution: Execution) -> None:
    it.finish(Finish(execution.id, Outcome.COMPLETED, None, None))


async def events(execution: Execution) -> list[Event | Gap]:
    """Return what there is of an execution that has ended."""
    return [event async for _, event in execution.journal.follow()]


async def test_an_execution_from_the_queue_to_its_end() -> None:
    it = transcript()
    first, second = submit(it), submit(it, client=Room())
    assert it.unfinished() == [first, second]
    it.begin(first.id, restarted=False)
    it.queue(second)
    assert (it.running, it.runs(first.id), it.waits(first.id), it.waits(second.id)) == (first, True, False, True)
    it.write(Stream.STDOUT, "a")
    complete(it, first)
    assert (it.running, it.unfinished(), it.count) == (None, [second], 1)
    assert it.last_used_at == first.finished_at
    it.begin(second.id, restarted=True)
    it.ask(second.id, "name? ", password=True)
    it.finish(Finish(second.id, Outcome.INTERRUPTED, FAILURE, CAUSE))
    assert await events(first) == [Started(), out("a"), Finished(outcome=Outcome.COMPLETED)]
    assert await events(second) == [
        Queued(ahead=1),
        Started(),
        Restarted(),
        InputRequest(prompt="name? ", password=True),
        Raised(error=FAILURE),
        Finished(outcome=Outcome.INTERRUPTED, error=FAILURE, cause=CAUSE),
    ]
    assert not it.runs(None)
    assert not it.waits(None)


async def test_what_leaves_the_queue_ends_and_the_other_runs_on() -> None:
    it = transcript()
    first, second = submit(it), submit(it)
    it.begin(first.id, restarted=False)
    it.finish(Finish(second.id, Outcome.CANCELLED, FAILURE, CAUSE))
    assert it.runs(first.id)
    assert it.unfinished() == [first]
    assert second.state == "cancelled"


async def test_what_ended_is_in_the_register() -> None:
    executions = register()
    it = transcript(executions)
    execution = submit(it)
    assert (executions.get(execution.id), executions.latest("c")) == (execution, [])
    it.begin(execution.id, restarted=False)
    complete(it, execution)
    assert executions.latest("c") == [execution]


async def test_it_is_full_while_the_client_of_what_runs_does_not_read() -> None:
    it = transcript()
    execution = submit(it, client=(room := Room()))
    assert not it.full
    it.begin(execution.id, restarted=False)
    it.write(Stream.STDOUT, "x" * 600)
    assert it.full
    execution.journal.client.stop()
    assert not it.full
    assert room.calls == 1


async def test_what_nobody_waits_for_is_never_full() -> None:
    it = transcript()
    execution = submit(it)
    it.begin(execution.id, restarted=False)
    it.write(Stream.STDOUT, "x" * 6000)
    assert not it.full


async def test_output_beyond_its_limit_is_cut() -> None:
    it = transcript(output_limit_bytes=3)
    execution = submit(it)
    it.begin(execution.id, restarted=False)
    it.write(Stream.STDOUT, "abcd")
    it.write(Stream.STDERR, "ef")
    complete(it, execution)
    _, written, marker, _ = await events(execution)
    assert written == out("abc")
    assert isinstance(marker, Output)
    assert (marker.stream, "3 more bytes" in marker.text) == (Stream.STDOUT, True)


# Followers of the context


async def fed(it: Transcript, start: int = 0) -> list[tuple[int, Happened | Gap]]:
    """Return what the followers have been told, after the end."""
    it.close()
    return [numbered async for numbered in it.feed.follow(start)]


async def test_followers_are_told_everything_from_the_first_look_on() -> None:
    it = transcript()
    before = submit(it, "before")
    it.begin(before.id, restarted=False)
    it.write(Stream.STDOUT, "unseen")
    assert it.feed.next == 0
    it.write(Stream.STDOUT, "a")
    after = submit(it, "after")
    it.queue(after)
    complete(it, before)
    it.write(Stream.STDERR, "from a thread")
    it.tell(WorkerEnded(how="killed by SIGKILL"))
    it.begin(after.id, restarted=True)
    complete(it, after)
    completed = Finished(outcome=Outcome.COMPLETED)
    assert await fed(it) == list(
        enumerate(
            [
                Happened(execution_id=before.id, event=out("a")),
                Happened(execution_id=after.id, event=Submitted(code="after", origin="ada")),
                Happened(execution_id=after.id, event=Queued(ahead=1)),
                Happened(execution_id=before.id, event=completed),
                Happened(execution_id=None, event=Output(stream=Stream.STDERR, text="from a thread")),
                Happened(execution_id=None, event=WorkerEnded(how="killed by SIGKILL")),
                Happened(execution_id=after.id, event=Started()),
                Happened(execution_id=after.id, event=Restarted()),
                Happened(execution_id=after.id, event=completed),
            ]
        )
    )


async def test_long_code_is_told_in_part() -> None:
    it = transcript()
    assert not it.feed.ended
    submit(it, "x" * EVENT_LIMIT_CHARS)
    submit(it, "x" * EVENT_LIMIT_CHARS + "yz")
    told = [happened.event for _, happened in await fed(it) if isinstance(happened, Happened)]
    code = "x" * EVENT_LIMIT_CHARS
    assert told == [Submitted(code=code, origin="ada"), Submitted(code=code, origin="ada", cut_chars=2)]


async def test_after_the_end_nobody_is_told_anything() -> None:
    it = transcript()
    assert it.feed.next == 0
    it.close()
    it.close()
    it.tell(WorkerEnded(how="exit status 0"))
    assert await fed(it) == []


async def test_what_is_kept_for_followers_counts_and_goes_with_the_context() -> None:
    executions = register(limit_bytes=20_000)
    ended = submit(other := transcript(executions))
    other.begin(ended.id, restarted=False)
    complete(other, ended)
    it = transcript(executions)
    assert it.feed.bytes == 0
    it.write(Stream.STDOUT, "x" * 9_000)
    assert executions.get(ended.id) is ended
    it.write(Stream.STDOUT, "x" * 9_000)
    assert executions.get(ended.id) is None
    for _ in range(10):
        it.write(Stream.STDOUT, "x" * 9_000)
    assert it.feed.bytes <= 20_000
    it.close()
    assert executions._bytes == 0
    assert it.feed.next - it.feed.first == 2
