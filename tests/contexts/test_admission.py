"""What a context changes in a request, and what it refuses."""

import pytest

from interpreterd.contexts.admission import admitted
from interpreterd.model.errors import InvalidRequest
from interpreterd.model.limits import NONE, Limits
from interpreterd.model.requests import Execute


def test_a_request_without_anything_to_change_stays_the_same_object() -> None:
    request = Execute(code="1", stdin=True)
    assert admitted(request, NONE, grace_s=2, answers=True) is request
    assert not admitted(request, NONE, grace_s=2, answers=False).stdin


@pytest.mark.parametrize(
    ("asked", "limit", "timeout"), [(None, 5.0, 5), (None, 0.5, 0.5), (600, 5.0, 5), (3, 5.0, 3), (None, None, None)]
)
def test_no_timeout_is_longer_than_the_limit(asked: int | None, limit: float | None, timeout: float | None) -> None:
    request = admitted(Execute(code="1", timeout_s=asked), Limits(execution_s=limit), grace_s=2, answers=False)
    assert request.timeout_s == timeout
    assert str(request.timeout_s) == str(timeout)


def test_too_long_code_and_too_long_a_grace_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="code must be at most 1 bytes"):
        admitted(Execute(code="12"), Limits(code_bytes=1), grace_s=2, answers=False)
    with pytest.raises(InvalidRequest, match="graceS must be at most 2"):
        admitted(Execute(code="1", grace_s=3), NONE, grace_s=2, answers=False)
