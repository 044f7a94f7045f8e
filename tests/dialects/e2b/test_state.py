"""The state of an application."""

from typing import Any, cast

from interpreterd.dialects.e2b.state import State


def test_it_begins_without_variables() -> None:
    assert dict(State(cast(Any, None)).envs) == {}
