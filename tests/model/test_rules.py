"""What a tenant may use."""

import attrs

from interpreterd.model.rules import NO_QUOTAS, NO_RULES, Quotas


def test_nothing_is_limited_without_rules() -> None:
    assert NO_RULES.quotas is NO_QUOTAS
    assert all(getattr(NO_QUOTAS, it.name) is None for it in attrs.fields(Quotas))
