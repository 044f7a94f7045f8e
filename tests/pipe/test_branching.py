"""The messages of a fork: what a worker says is checked, whatever it says."""

import json
from typing import Any

import pytest

from interpreterd.model.errors import ProtocolError
from interpreterd.pipe.branching import LOST_LIMIT
from interpreterd.pipe.messages import decode_line

BRANCHING = {"type": "branching", "id": "b", "pid": 1, "lost": []}


@pytest.mark.parametrize(
    "changed",
    [
        {"pid": True},
        {"id": 1},
        {"lost": None},
        {"lost": [1]},
        {"lost": [{"kind": "thread"}]},
        {"lost": [{"kind": "k" * 41, "name": ""}]},
        {"lost": [{"kind": "", "name": "n" * 401}]},
        {"lost": [{"kind": "", "name": ""}] * (LOST_LIMIT + 1)},
        {"type": "branched", "failed": 1},
        {"type": "branched", "refused": "yes"},
        {"type": "ready", "version": 1, "pid": 1, "python": "", "mark": None, "reseeded": [1]},
        {"type": "ready", "version": 1, "pid": 1, "python": "", "mark": None, "reseeded": ["r"] * 17},
    ],
    ids=str,
)
def test_wrong_values_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        decode_line(json.dumps({**BRANCHING, **changed}).encode())


def test_reasons_are_cut() -> None:
    message = decode_line(json.dumps({"type": "branched", "id": "b", "failed": "r" * 9999}).encode())
    assert len(message.failure) == 2000  # type: ignore[union-attr]
