"""Work that is bounded by the second."""

from interpreterd.processes.budget import Budget


def test_a_burst_is_free_and_the_rest_waits_for_its_share_of_a_second() -> None:
    now = [100.0]
    budget = Budget(10, 5, lambda: now[0])
    budget.spend(4)
    assert budget.wait_s() == 0
    budget.spend(3)
    assert budget.wait_s() == 0.2
    now[0] += 0.1
    assert abs(budget.wait_s() - 0.1) < 1e-9
    now[0] += 0.1
    assert budget.wait_s() < 1e-9


def test_a_budget_never_has_more_than_its_burst() -> None:
    now = [0.0]
    budget = Budget(10, 5, lambda: now[0])
    now[0] = 3600
    budget.spend(6)
    assert budget.wait_s() == 0.1
