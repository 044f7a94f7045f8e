"""The errors of access say what to do, and when."""

from interpreterd.model.access_errors import QuotaReached, TooManyAttempts, Unauthorized
from interpreterd.model.errors import LimitReached


def test_each_has_a_code_and_a_sentence() -> None:
    assert "Authorization: Bearer" in str(Unauthorized())
    assert (Unauthorized.code, TooManyAttempts.code, QuotaReached.code) == (
        "unauthorized",
        "too_many_attempts",
        "quota_reached",
    )
    assert TooManyAttempts(6).retry_after_s == 6
    assert (LimitReached("x").retry_after_s, QuotaReached("x", retry_after_s=9).retry_after_s) == (1, 9)
    assert TooManyAttempts(6).again().retry_after_s == 6
