"""Limits by the names of the native API."""

import pytest

from interpreterd.dialects.native.errors import error_answer, sentence
from interpreterd.dialects.native.limits import KEYS, limits_body, parse_limits
from interpreterd.model.errors import InvalidLimit
from interpreterd.model.limits import Limits


def test_every_limit_has_a_key_of_its_own() -> None:
    assert set(KEYS) == set(Limits.kinds())
    assert len(set(KEYS.values())) == len(KEYS)


@pytest.mark.parametrize(("name", "key"), KEYS.items())
def test_a_limit_is_asked_for_and_shown_by_its_key(name: str, key: str) -> None:
    limits = parse_limits({"limits": {key: 1 << 30}})
    assert limits == Limits(**{name: 1 << 30})
    assert limits_body(limits) == {key: 1 << 30}


@pytest.mark.parametrize(("name", "key"), KEYS.items())
def test_a_looser_limit_is_named_by_its_key(name: str, key: str) -> None:
    with pytest.raises(InvalidLimit) as caught:
        Limits(**{name: 1}).tightened(Limits(**{name: 2}))
    assert sentence(caught.value) == f"limits.{key} must be at most 1, the daemon's limit"
    answer = error_answer(caught.value)
    assert (answer.status, b'"code":"invalid_request"' in answer.body) == (400, True)
