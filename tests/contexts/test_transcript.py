"""A transcript passes events to each execution's client and to the followers of the context."""

from interpreterd.contexts.executions import ExecutionRecord, Executions
from interpreterd.contexts.transcript import Transcript
from interpreterd.machine.effects import Finish
from interpreterd.model import events
from interpreterd.model.errors import ExecutionInterrupted
from interpreterd.model.events import EVENT_LIMIT_CHARS
from interpreterd.model.requests import Execute

FAILURE = events.Failure(name="KeyboardInterrupt", value="")
CAUSE = ExecutionInterrupted("interrupted by a client")


class Room:
    """Counts the calls of ``on_room``."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> None:
        self.calls += 1


def register(limit_bytes: int = 1 << 20) -> Executions:
    return Executions(limit_bytes=limit_bytes, journal_limit_bytes=1 << 20)


def transcript(executions: Executions | None = None, output_limit_bytes: int | None = None) -> Transcript:
    return Transcript("c", executions or register(), backlog_bytes=600, output_limit_bytes=output_limit_bytes)


def out(text: str) -> events.Output:
    return events.Output(stream=events.Stream.STDOUT, text=text)


def submit(it: Transcript, code: str = "pass", *, client: Room | None = None) -> ExecutionRecord:
    return it.new(Execute(code=code, origin="ada"), on_room=client)


def complete(it: Transcript, execution: ExecutionRecord) -> None:
    it.finish(Finish(execution.id, events.Outcome.COMPLETED, None, None))


async def told(execution: ExecutionRecord) -> list[events.Event | events.Gap]:
    """Return all events that are kept of an ended execution."""
    return [event async for _, event in execution.journal.follow()]


async def test_an_execution_from_the_queue_to_its_end() -> None:
    it = transcript()
    first, second = submit(it), submit(it, client=Room())
    assert it.unfinished() == [first, second]
    it.begin(first.id, restarted=False)
    it.queue(second)
    assert (it.running, it.runs(first.id), it.waits(first.id), it.waits(second.id)) == (first, True, False, True)
    it.write(events.Stream.STDOUT, "a")
    complete(it, first)
    assert (it.running, it.unfinished(), it.count) == (None, [second], 1)
    assert it.last_used_at == first.finished_at
    it.begin(second.id, restarted=True)
    it.ask(second.id, "name? ", password=True)
    it.finish(Finish(second.id, events.Outcome.INTERRUPTED, FAILURE, CAUSE))
    assert await told(first) == [events.Started(), out("a"), events.Finished(outcome=events.Outcome.COMPLETED)]
    assert await told(second) == [
        events.Queued(ahead=1),
        events.Started(),
        events.Restarted(),
        events.InputRequest(prompt="name? ", password=True),
        events.Raised(error=FAILURE),
        events.Finished(outcome=events.Outcome.INTERRUPTED, error=FAILURE, cause=CAUSE),
    ]
    assert not it.runs(None)
    assert not it.waits(None)


async def test_what_leaves_the_queue_ends_and_the_other_runs_on() -> None:
    it = transcript()
    first, second = submit(it), submit(it)
    it.begin(first.id, restarted=False)
    it.finish(Finish(second.id, events.Outcome.CANCELLED, FAILURE, CAUSE))
    assert it.runs(first.id)
    assert it.unfinished() == [first]
    assert second.state == "cancelled"


async def test_an_ended_execution_is_in_the_register() -> None:
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
    it.write(events.Stream.STDOUT, "x" * 600)
    assert it.full
    execution.journal.client.stop()
    assert not it.full
    assert room.calls == 1


async def test_a_journal_without_a_client_is_never_full() -> None:
    it = transcript()
    execution = submit(it)
    it.begin(execution.id, restarted=False)
    it.write(events.Stream.STDOUT, "x" * 6000)
    assert not it.full


async def test_output_beyond_its_limit_is_cut() -> None:
    it = transcript(output_limit_bytes=3)
    execution = submit(it)
    it.begin(execution.id, restarted=False)
    it.write(events.Stream.STDOUT, "abcd")
    it.write(events.Stream.STDERR, "ef")
    complete(it, execution)
    _, written, marker, _ = await told(execution)
    assert written == out("abc")
    assert isinstance(marker, events.Output)
    assert (marker.stream, "3 more bytes" in marker.text) == (events.Stream.STDOUT, True)


# Followers of the context


async def fed(it: Transcript, start: int = 0) -> list[tuple[int, events.Happened | events.Gap]]:
    """Close the transcript; return the numbered events that followers get."""
    it.close()
    return [numbered async for numbered in it.feed.follow(start)]


async def test_followers_are_told_everything_from_the_first_look_on() -> None:
    it = transcript()
    before = submit(it, "before")
    it.begin(before.id, restarted=False)
    it.write(events.Stream.STDOUT, "unseen")
    assert it.feed.next == 0
    it.write(events.Stream.STDOUT, "a")
    after = submit(it, "after")
    it.queue(after)
    complete(it, before)
    it.write(events.Stream.STDERR, "from a thread")
    it.tell(events.WorkerEnded(how="killed by SIGKILL"))
    it.begin(after.id, restarted=True)
    complete(it, after)
    completed = events.Finished(outcome=events.Outcome.COMPLETED)
    assert await fed(it) == list(
        enumerate(
            [
                events.Happened(execution_id=before.id, event=out("a")),
                events.Happened(execution_id=after.id, event=events.Submitted(code="after", origin="ada")),
                events.Happened(execution_id=after.id, event=events.Queued(ahead=1)),
                events.Happened(execution_id=before.id, event=completed),
                events.Happened(
                    execution_id=None, event=events.Output(stream=events.Stream.STDERR, text="from a thread")
                ),
                events.Happened(execution_id=None, event=events.WorkerEnded(how="killed by SIGKILL")),
                events.Happened(execution_id=after.id, event=events.Started()),
                events.Happened(execution_id=after.id, event=events.Restarted()),
                events.Happened(execution_id=after.id, event=completed),
            ]
        )
    )


async def test_long_code_is_told_in_part() -> None:
    it = transcript()
    assert not it.feed.ended
    submit(it, "x" * EVENT_LIMIT_CHARS)
    submit(it, "x" * EVENT_LIMIT_CHARS + "yz")
    told = [happened.event for _, happened in await fed(it) if isinstance(happened, events.Happened)]
    code = "x" * EVENT_LIMIT_CHARS
    assert told == [events.Submitted(code=code, origin="ada"), events.Submitted(code=code, origin="ada", cut_chars=2)]


async def test_after_the_end_no_follower_gets_an_event() -> None:
    it = transcript()
    assert it.feed.next == 0
    it.close()
    it.close()
    it.tell(events.WorkerEnded(how="exit status 0"))
    assert await fed(it) == []


async def test_what_is_kept_for_followers_counts_and_goes_with_the_context() -> None:
    executions = register(limit_bytes=20_000)
    ended = submit(other := transcript(executions))
    other.begin(ended.id, restarted=False)
    complete(other, ended)
    it = transcript(executions)
    assert it.feed.bytes == 0
    it.write(events.Stream.STDOUT, "x" * 9_000)
    assert executions.get(ended.id) is ended
    it.write(events.Stream.STDOUT, "x" * 9_000)
    assert executions.get(ended.id) is None
    for _ in range(10):
        it.write(events.Stream.STDOUT, "x" * 9_000)
    assert it.feed.bytes <= 20_000
    it.close()
    assert executions._bytes == 0
    assert it.feed.next - it.feed.first == 2
