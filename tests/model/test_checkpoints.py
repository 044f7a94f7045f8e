"""Checkpoints as clients see them."""

from interpreterd.model.checkpoints import CheckpointInfo


def test_a_checkpoint_needs_no_name() -> None:
    assert CheckpointInfo(id="a", created_at=0.0).name == ""
