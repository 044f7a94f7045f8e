"""What undo goes back to."""

from interpreterd.contexts.state.timeline import NOT_KEPT, Past, Timeline


def test_undo_takes_back_the_last_execution_then_the_one_before() -> None:
    timeline = Timeline(0, 10)
    assert timeline.last is None
    before_first = timeline.steps
    timeline.begin(1, "a")
    before_second = timeline.steps
    timeline.begin(2, "b")
    assert timeline.last == Past(2, "b")
    timeline.steps = before_second
    assert timeline.last == Past(1, "a")
    timeline.steps = before_first
    assert timeline.last is None


def test_undo_cannot_pass_an_execution_without_a_checkpoint() -> None:
    timeline = Timeline(0, 10)
    timeline.begin(1, "a")
    timeline.begin(2, None)
    assert timeline.steps == (Past(2),)
    timeline.begin(3, "c")
    assert timeline.steps == (Past(2), Past(3, "c"))


def test_executions_before_the_first_checkpoint_are_remembered_by_the_last_one() -> None:
    assert Timeline(7, 10).last == Past(7)


def test_a_bounded_number_of_steps_is_kept() -> None:
    timeline = Timeline(0, 3)
    for number in range(10):
        timeline.begin(number, str(number))
    assert [it.number for it in timeline.steps] == [7, 8, 9]


def test_of_executions_elsewhere_no_checkpoint_is_kept() -> None:
    assert Timeline(7, 10, elsewhere=7).last == Past(7, NOT_KEPT)
    assert Timeline(8, 10, elsewhere=7).last == Past(8)
