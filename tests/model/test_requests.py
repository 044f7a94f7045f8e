"""The requests that dialects make of contexts."""

from interpreterd.model.requests import Execute


def test_code_and_variables_stay_out_of_logs() -> None:
    assert "secret" not in repr(Execute(code="secret", envs={"KEY": "secret"}))
