"""The kernels that clients use, and clients that may come back."""

from typing import Any

import pytest

from interpreterd.dialects.jupyter import hub as module
from interpreterd.dialects.jupyter.hub import Hub


def hub() -> Hub:
    """Return a hub that nothing is asked of."""
    nothing: Any = None
    return Hub(nothing)


def test_a_client_is_known_by_its_id_and_a_nameless_one_is_new() -> None:
    it = hub()
    kernel = it.kernel("k")
    assert it.kernel("k") is kernel
    assert it.session(kernel, "a") is it.session(kernel, "a")
    assert it.session(kernel, "") is not it.session(kernel, "")
    assert it.connections("k") == 3
    assert it.connections("other") == 0


def test_a_client_that_has_gone_is_remembered_unless_for_good() -> None:
    it = hub()
    kernel = it.kernel("k")
    named, nameless = it.session(kernel, "a"), it.session(kernel, "")
    it.has_gone(kernel, nameless, for_good=True)
    it.has_gone(kernel, named, for_good=False)
    assert it.connections("k") == 0
    assert it.session(it.kernel("k"), "a") is named
    it.has_gone(kernel, named, for_good=True)
    assert it.kernel("k") is not kernel


def test_one_of_two_connections_may_go() -> None:
    it = hub()
    kernel = it.kernel("k")
    session = it.session(kernel, "a")
    it.session(kernel, "a")
    it.has_gone(kernel, session, for_good=False)
    it.ended(kernel)
    assert it.session(kernel, "a") is session


@pytest.mark.parametrize(("limit", "kernels"), [("ABSENT_LIMIT", "kk"), ("ABSENT_OF_KERNEL_LIMIT", "k")])
def test_of_too_many_that_have_gone_the_first_is_forgotten(
    monkeypatch: pytest.MonkeyPatch, limit: str, kernels: str
) -> None:
    monkeypatch.setattr(module, limit, 2)
    it = hub()
    kernel = it.kernel("k")
    sessions = [it.session(kernel, name) for name in "abc"]
    for session in sessions:
        it.has_gone(kernel, session, for_good=False)
    assert it.session(kernel, "b") is sessions[1]
    assert it.session(kernel, "a") is not sessions[0]


def test_a_client_of_a_kernel_that_is_no_more_is_not_remembered() -> None:
    it = hub()
    kernel = it.kernel("k")
    session = it.session(kernel, "a")
    it.ended(kernel)
    it.has_gone(kernel, session, for_good=False)
    assert it.find("k") is None


def test_the_end_of_a_kernel_forgets_its_absent_clients() -> None:
    it = hub()
    kernel = it.kernel("k")
    it.has_gone(kernel, it.session(kernel, "a"), for_good=False)
    it.ended(kernel)
    assert it.kernel("k") is not kernel
