"""``model.losses``: two things of the same kind and name are the same loss."""

from interpreterd.model.forks import Lost as LostOfForks
from interpreterd.model.losses import Lost


def test_a_loss_is_its_kind_and_its_name() -> None:
    assert Lost("thread", "T") == Lost(kind="thread", name="T")
    assert len({Lost("thread", "T"), Lost("thread", "T"), Lost("thread", "U")}) == 2
    assert LostOfForks is Lost
