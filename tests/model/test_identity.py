"""The identity of a request."""

import contextvars

from interpreterd.model.identity import CURRENT, NOBODY_ASKED, ROLES, Identity


def test_without_tokens_everything_is_allowed_and_a_task_has_its_own() -> None:
    assert CURRENT.get() is NOBODY_ASKED
    assert (NOBODY_ASKED.role, NOBODY_ASKED.sees_all) == ("admin", True)
    contextvars.copy_context().run(CURRENT.set, Identity(tenant="acme", role="read", sees_all=False))
    assert CURRENT.get() is NOBODY_ASKED
    assert NOBODY_ASKED.role in ROLES
