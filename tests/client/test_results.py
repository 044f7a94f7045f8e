"""``client.results``: the result of an execution, and the callbacks while it runs."""

import re
from typing import Any

import attrs
import pytest
from clients import Face
from hypothesis import given
from hypothesis import strategies as st

from interpreterd.cli import run
from interpreterd.client import Execution, ExecutionFailed, Failure, Finished, Outcome, Output, Stream
from interpreterd.client.results import Collector

EXECUTION_ID = "0f0e4a52-7d0f-4f0b-9f0e-5a7d3c2b1a00"


async def test_an_execution(py: Any) -> None:
    code = "import sys\nprint('out ☃')\nprint('err', file=sys.stderr)\nint('x')"
    execution = await py.execute(code)
    assert (execution.stdout, execution.stderr) == ("out ☃\n", "err\n")
    assert execution.outcome is Outcome.COMPLETED
    assert execution.outcome == "completed"
    assert execution.error.name == "ValueError"
    assert "int('x')" in execution.error.traceback
    assert (execution.context_id, execution.restarted) == ("default", False)
    assert (execution.cut_chars, execution.missed_events) == (0, 0)
    with pytest.raises(ExecutionFailed, match="ValueError: invalid literal") as caught:
        execution.raise_for_error()
    assert caught.value.execution is execution
    assert caught.value.__notes__ == [execution.error.traceback]
    execution = await py.execute("print(1)")
    assert execution.raise_for_error() is execution


async def test_bytes_that_are_no_text_are_counted(py: Any) -> None:
    code = "import os; os.write(1, 'caf\u00e9 \ufffd\\n'.encode('latin-1', 'replace'))"
    events = [event async for event in py.stream(code)]
    assert [(event.text, event.replaced) for event in events if isinstance(event, Output)] == [("caf\ufffd ?\n", 1)]
    execution = await py.execute(code)
    assert (execution.stdout, execution.replaced) == ("caf\ufffd ?\n", 1)


async def test_long_output_is_cut_where_the_client_wants_it(face: Face, url: str) -> None:
    seen: list[str] = []
    code = "import sys\nprint('é' * 100_000)\nprint('x' * 5, file=sys.stderr)"
    async with face(url, output_limit_chars=6) as py:
        execution = await py.execute(code, on_stdout=seen.append)
    assert (execution.stdout, execution.stderr) == ("é" * 6, "x" * 5 + "\n")
    assert execution.cut_chars == 100_001 - 6
    assert "".join(seen) == "é" * 100_000 + "\n"


async def test_a_callback_that_raises_interrupts_the_code(py: Any) -> None:
    def on_stdout(text: str) -> None:
        raise LookupError(text)

    with pytest.raises(LookupError, match="1"):
        await py.execute("x = 1; print(x)\nwhile True: pass", on_stdout=on_stdout, timeout=0)
    assert (await py.execute("print(x)")).stdout == "1\n"


def test_what_an_execution_comes_to_counts_the_bytes_that_were_no_text() -> None:
    collector = Collector(3)
    for replaced in (0, 1, 2):
        collector.add(Output(stream=Stream.STDOUT, text="\ufffd\ufffd", replaced=replaced))
    collector.add(Finished(outcome=Outcome.COMPLETED))
    result = collector.result(EXECUTION_ID, "default")
    assert (result.stdout, result.cut_chars, result.replaced) == ("\ufffd" * 3, 3, 3)


def test_the_command_line_says_all_of_an_execution() -> None:
    fields = {field.name for field in attrs.fields(Execution) if not field.name.startswith("_")} - {
        "expressions"  # the command line has none
    }
    execution = Execution(
        id=EXECUTION_ID, context_id="default", outcome=Outcome.LOST, stdout="o", stderr="e", error=None, replaced=3
    )
    said = run.execution_json(execution)
    names = {re.sub("[A-Z]", lambda it: f"_{it[0].lower()}", key): value for key, value in said.items()}
    names["id"] = names.pop("execution_id")
    assert names == {name: getattr(execution, name) for name in fields} | {"results": []}


def execution(**known: Any) -> Execution:
    """Return an execution without output; ``known`` sets other fields."""
    return Execution(
        **{"id": EXECUTION_ID, "context_id": "default", "outcome": Outcome.COMPLETED, "stdout": "", "stderr": ""}
        | known
    )


@pytest.mark.parametrize(
    ("chars", "more"), [(0, ""), (200, ""), (201, " + <1 chars>"), (1 << 20, " + <1048376 chars>")]
)
def test_its_repr_has_the_beginning_of_stdout_and_the_error(chars: int, more: str) -> None:
    shown = repr(
        execution(stdout="o" * chars, stderr="e" * 7, error=Failure(name="E", value="v" * chars, traceback="t"))
    )
    beginning = f"'{'o' * min(chars, 200)}'{more}"
    assert f" stdout={beginning}, stderr=<7 chars>, error='E: {'v' * min(chars, 197)}'" in shown
    assert shown.startswith(f"Execution(id='{EXECUTION_ID}', context_id='default', outcome=<Outcome.COMPLETED")
    assert len(shown) < 800


def test_its_repr_is_one_line_that_no_terminal_obeys() -> None:
    shown = repr(execution(stdout="a\n\x1b[2J", error=Failure(name="E", value="\x1b]0;")))
    assert shown.isprintable()
    assert "stdout='a\\n\\x1b[2J'" in shown
    assert "error=None" in repr(execution())


STOPPED = "Traceback (most recent call last):\n  …\nKeyboardInterrupt\n"
TRACEBACK = "Traceback (most recent call last):\n  …\nValueError: no\n"


@pytest.mark.parametrize(
    ("known", "shown"),
    [
        ({}, ""),
        ({"stdout": "42\n"}, "42\n"),
        ({"stdout": "no end"}, "no end"),
        ({"stdout": "out\n", "stderr": "err\n"}, "out\nerr\n"),
        (
            {"stdout": "out\n", "error": Failure(name="ValueError", value="no", traceback=TRACEBACK)},
            "out\n" + TRACEBACK,
        ),
        ({"stdout": "out", "error": Failure(name="ValueError", value="no", traceback=TRACEBACK)}, "out\n" + TRACEBACK),
        (
            {"outcome": Outcome.LOST, "error": Failure(name="WorkerDied", value="exit status 3")},
            "WorkerDied: exit status 3\n",
        ),
        (
            {"outcome": Outcome.INTERRUPTED, "error": Failure(name="KeyboardInterrupt", value="", traceback=STOPPED)},
            STOPPED,
        ),
        ({"stderr": "err", "outcome": Outcome.INTERRUPTED}, "err\nthe execution was interrupted\n"),
    ],
)
def test_printed_it_is_what_a_terminal_would_show(known: dict[str, Any], shown: str) -> None:
    assert str(execution(**known)) == shown


async def test_printed_its_streams_are_in_order_and_the_traceback_is_last(py: Any) -> None:
    code = "import sys\nfor i in range(3): print(i); print(-i, file=sys.stderr)\nprint('end', end='')\n1 / 0"
    ended = await py.execute(code)
    assert ended.error.traceback.endswith("ZeroDivisionError: division by zero\n")
    assert str(ended) == f"0\n0\n1\n-1\n2\n-2\nend\n{ended.error.traceback}"
    assert str(await py.execute("import sys; print(1, file=sys.stderr); print(2)")) == "1\n2\n"


async def test_printed_it_says_why_the_code_was_interrupted(py: Any) -> None:
    ended = await py.execute("print('go')\nwhile True: pass", timeout=1)
    assert str(ended) == f"go\n{ended.error.traceback}TimeoutError: execution timed out after 1 s\n"
    assert ended.error.traceback.endswith("\nKeyboardInterrupt\n")


@given(st.lists(st.tuples(st.sampled_from(Stream), st.text(min_size=1, max_size=4))), st.integers(0, 20))
def test_what_is_kept_of_both_streams_stays_in_order(pieces: list[tuple[Stream, str]], limit: int) -> None:
    collector = Collector(limit)
    room, shown = dict.fromkeys(Stream, limit), ""
    for stream, text in pieces:
        collector.add(Output(stream=stream, text=text))
        shown += text[: room[stream]]
        room[stream] -= min(len(text), room[stream])
    collector.add(Finished(outcome=Outcome.COMPLETED))
    ended = collector.result(EXECUTION_ID, "default")
    assert str(ended) == shown
    assert attrs.evolve(ended, outcome=Outcome.COMPLETED) == ended
    assert len(ended.stdout) + len(ended.stderr) + ended.cut_chars == sum(len(text) for _, text in pieces)
