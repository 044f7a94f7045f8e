"""The state of an application."""

from typing import Any, cast

from interpreterd.dialects.e2b.sandbox import Sandbox


def test_it_begins_without_variables() -> None:
    assert dict(Sandbox(cast(Any, None)).envs) == {}
