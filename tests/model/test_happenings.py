"""A record of an execution is what sinks are told of."""

import pytest

from interpreterd.contexts.executions import ExecutionRecord
from interpreterd.model.happenings import Happening, NotedExecution


def test_a_record_has_everything_that_sinks_may_know() -> None:
    missing = {name for name in vars(NotedExecution) if name[0] != "_" and not hasattr(ExecutionRecord, name)}
    assert missing == set()


def test_a_happening_cannot_be_changed() -> None:
    happening = Happening(name="a", at=0.0)
    with pytest.raises(AttributeError):
        happening.name = "b"  # type: ignore[misc]
