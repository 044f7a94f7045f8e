"""The state of an application."""

from typing import Any, cast

from interpreterd.dialects.e2b.sandbox import Sandbox


def test_it_begins_without_variables() -> None:
    assert dict(Sandbox(cast(Any, None)).envs) == {}


async def test_its_end_needs_nothing_of_what_no_client_has_used() -> None:
    sandbox = Sandbox(cast(Any, None))
    await sandbox.close()
    assert "envd" not in sandbox.__dict__
