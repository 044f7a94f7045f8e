"""Errors of executions."""

from interpreterd.model.execution_errors import EarlierFailed, LookFailed


def test_each_has_a_code_and_a_sentence() -> None:
    assert EarlierFailed.code == "earlier_failed"
    assert "same origin" in str(EarlierFailed())
    assert (LookFailed.code, str(LookFailed("how"))) == ("look_failed", "how")
