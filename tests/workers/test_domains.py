"""Domains below each other are counted, and their limit is told."""

import pytest

from interpreterd.model.state_errors import NotForkable
from interpreterd.workers.domains import DOMAINS_LIMIT, Domain


def test_a_domain_is_deeper_than_that_above_it_up_to_a_limit() -> None:
    domain = Domain()
    for depth in range(2, DOMAINS_LIMIT + 1):
        domain = domain.below()
        assert (domain.depth, domain.has_forks) == (depth, False)
    with pytest.raises(NotForkable, match="16 below each other"):
        domain.below()
