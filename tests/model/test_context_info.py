"""The public facts about a context."""

import pytest

from interpreterd.model.context_info import ContextInfo


@pytest.mark.parametrize(("state", "active"), [("starting", False), ("idle", True), ("busy", True), ("dead", False)])
def test_a_context_is_active_while_it_has_a_worker(state: str, active: bool) -> None:
    assert ContextInfo(id="i", cwd="/w", created_at=0.0, state=state, last_used_at=0.0).active is active
