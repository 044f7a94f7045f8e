"""Events: every kind counts its memory; a class that cannot is rejected; users' text stays out of logs."""

import functools
import sys
from typing import Any, ClassVar

import attrs
import pytest
from attrs import define, field, frozen
from kinds import kinds

from interpreterd.model import comms, displays, events, functions
from interpreterd.model.errors import ContextDeleted
from interpreterd.model.events import COUNTED_ELSEWHERE, EVENT_BYTES, EVENT_LIMIT_CHARS
from interpreterd.model.memory import text_bytes

LONG = "x" * 10_000


def test_what_users_wrote_stays_out_of_logs() -> None:
    shown = [
        events.Output(stream=events.Stream.STDOUT, text="secret"),
        events.Failure(name="E", value="secret", traceback="secret"),
        events.Submitted.of("secret", "origin"),
    ]
    assert "secret" not in repr(shown)


def test_long_code_is_told_in_part_and_how_much_longer_it_is() -> None:
    told = events.Submitted.of("x" * (EVENT_LIMIT_CHARS + 3), "origin")
    assert (len(told.code), told.cut_chars, told.origin) == (EVENT_LIMIT_CHARS, 3, "origin")


# The memory that events keep

FAILURE = events.Failure(name="E", value="v", traceback=LONG)
KEPT: list[tuple[events.Event, list[str]]] = [
    (events.Output(stream=events.Stream.STDOUT, text=LONG), [LONG]),
    (events.Output(stream=events.Stream.STDERR, text="日" * 1000, replaced=2), ["日" * 1000]),
    (events.Queued(ahead=3), []),
    (events.Started(), []),
    (events.Restarted(), []),
    (events.InputRequest(prompt=LONG, password=True), [LONG]),
    (events.Raised(error=FAILURE), []),  # Finished keeps the same error and counts it
    (events.Finished(outcome=events.Outcome.COMPLETED), []),
    (events.Finished(outcome=events.Outcome.COMPLETED, error=FAILURE), ["E", "v", LONG]),
    (
        events.Finished(outcome=events.Outcome.LOST, cause=ContextDeleted("c")),
        [*ContextDeleted("c").args, "context_deleted"],
    ),
    (events.Submitted(code=LONG, origin="ada"), [LONG, "ada"]),
    (events.WorkerEnded(how="killed by SIGKILL"), ["killed by SIGKILL"]),
]


@pytest.mark.parametrize(("event", "texts"), KEPT)
def test_an_event_counts_all_its_texts(event: events.Event, texts: list[str]) -> None:
    objects = sys.getsizeof(FAILURE) if "E" in texts else 0
    assert event.kept_bytes == EVENT_BYTES + objects + sum(map(text_bytes, texts))
    assert events.Happened(execution_id="e", event=event).kept_bytes == event.kept_bytes


def test_every_kind_is_tried() -> None:
    # test_displays.py and test_functions.py try the others.
    assert {type(event) for event, _ in KEPT} == {kind for kind in kinds() if kind.__module__ == events.__name__}


def test_one_field_is_counted_elsewhere() -> None:
    uncounted = [it for kind in kinds() for it in attrs.fields(kind) if it.metadata == COUNTED_ELSEWHERE]  # type: ignore[arg-type]
    assert uncounted == [attrs.fields(events.Raised).error]


def test_what_code_can_say_without_end_makes_its_client_wait() -> None:
    assert {kind for kind in kinds() if kind.counts_as_backlog} == {
        events.Output,
        events.InputRequest,
        displays.Result,
        displays.Display,
        displays.UpdateDisplay,
        displays.ClearOutput,
        displays.Evaluated,
        displays.NextInput,
        comms.CommMessage,
        functions.FunctionCall,
        functions.FunctionEnd,
    }
    assert not events.Happened(
        execution_id="e", event=events.Output(stream=events.Stream.STDOUT, text="x")
    ).counts_as_backlog


def test_one_kind_is_the_last() -> None:
    assert {kind for kind in kinds() if kind.is_last} == {events.Finished}


# The rules for a new kind


@frozen(kw_only=True)
class Bundle(events.Event):
    """A kind with one field of each type."""

    counts_as_backlog = True
    known: ClassVar[str] = LONG  # belongs to the class, so no event counts it

    shapes: dict[str, Any]
    number: int = 0
    data: bytes = b""
    name: str | None = None
    again: str = field(default="", metadata=COUNTED_ELSEWHERE)


def test_a_kind_counts_what_its_fields_keep_without_a_word_of_its_own() -> None:
    small = Bundle(shapes={}).kept_bytes
    assert small < EVENT_BYTES + 200
    for more in (
        Bundle(shapes={"text/html": [LONG]}),
        Bundle(shapes={}, data=LONG.encode()),
        Bundle(shapes={}, name=LONG),
    ):
        assert 10_000 <= more.kept_bytes - small < 11_000
    assert Bundle(shapes={}, again=LONG).kept_bytes == small


def test_a_kind_that_does_not_say_whether_it_is_backlog_is_an_error() -> None:
    with pytest.raises(TypeError, match="Silent must say whether it counts_as_backlog"):

        @frozen(kw_only=True)
        class Silent(events.Event):
            text: str


def test_a_kind_that_says_itself_what_it_keeps_is_an_error() -> None:
    with pytest.raises(TypeError, match="Small must not say itself what it keeps"):

        @frozen(kw_only=True)
        class Small(events.Event):
            counts_as_backlog = True
            text: str

            @property
            def kept_bytes(self) -> int:  # type: ignore[misc] # mypy sees it, too
                return 0


def test_a_kind_that_keeps_what_it_computes_is_an_error() -> None:
    with pytest.raises(TypeError, match="Cached must not keep what it computes"):

        @frozen(kw_only=True)
        class Cached(events.Event):
            counts_as_backlog = True
            text: str

            @functools.cached_property
            def message(self) -> str:
                return self.text * 10


def test_a_kind_of_a_kind_is_an_error() -> None:
    with pytest.raises(TypeError, match="Loud must be derived from Event alone"):

        @frozen(kw_only=True)
        class Loud(events.Output):
            counts_as_backlog = True


def test_a_kind_that_can_grow_later_is_an_error() -> None:
    with pytest.raises(TypeError, match="Growing must be frozen"):

        @define(kw_only=True)
        class Growing(events.Event):
            counts_as_backlog = True
            text: str


def test_a_kind_that_attrs_did_not_make_cannot_be_made_or_counted() -> None:
    class Plain(events.Event):
        counts_as_backlog = True

    class Own(events.Event):
        counts_as_backlog = True

        def __init__(self, text: str) -> None:
            self.text = text

    with pytest.raises(TypeError, match=r"Plain must be made by attrs\.frozen"):
        Plain()
    with pytest.raises(TypeError, match=r"Own must be made by attrs\.frozen"):
        Own(LONG).kept_bytes  # noqa: B018
