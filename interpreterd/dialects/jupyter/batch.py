"""Cells that a front end has sent together: after one that fails, the others are not to run.

The context cancels those that wait when one fails. But JupyterLab sends all cells of *Run All* at once, and its own
server delivers them one after the other: a cell that fails at once is over before the next one is here. The dates in
the headers, all by the front end's clock, tell which cells were sent before a person could know of the failure.
"""

from datetime import datetime
from typing import Final

import orjson

TOGETHER_S: Final = 0.05  # between two cells that are sent together; a person needs longer, to see an error and go on


class Batch:
    """What is known of the cells that a client sends together."""

    def __init__(self, *, relayed: bool) -> None:
        """``relayed`` is whether a server may be between the client and the daemon."""
        self._relayed = relayed
        self._until = 0.0  # by the client's clock: what was sent before is part of the batch that has failed

    def failed(self, header: bytes, took_s: float) -> None:
        """A cell has failed, ``took_s`` after it was here; ``header`` is that of its request."""
        if self._relayed:
            sent_at = _sent_at(header)
            self._until = sent_at + took_s + TOGETHER_S if sent_at is not None else 0.0

    def includes(self, header: bytes) -> bool:
        """Return whether the request to run a further cell was sent together with one that has failed."""
        if not self._until:
            return False
        sent_at = _sent_at(header)
        if sent_at is None or sent_at >= self._until:
            self._until = 0.0
            return False
        self._until = max(self._until, sent_at + TOGETHER_S)
        return True


def _sent_at(header: bytes) -> float | None:
    """Return when a front end sent a message; None for programs, which go on in no time after an error.

    Only front ends name a subshell, or none.
    """
    value = orjson.loads(header)
    date = value.get("date")
    if "subshell_id" not in value or not isinstance(date, str):
        return None
    try:
        return datetime.fromisoformat(date).timestamp()
    except (ValueError, OverflowError):
        return None
