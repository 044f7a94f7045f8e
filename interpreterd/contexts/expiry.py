"""When a context ends by itself: after a time without use, or at the end of its life."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from interpreterd.contexts.transcript import Transcript
from interpreterd.model.default_context import shown_id
from interpreterd.model.expiry import ContextExpired, Expired
from interpreterd.model.limits import Limits

_log = logging.getLogger(__name__)
LOOK_AGAIN_S: Final = 86_400.0  # limits may be longer than a clock of the loop can be


class Expiry:
    """The clock of one context, which has one only if a limit of time is set.

    Nothing is polled. While the context is used, its clock sleeps for the whole time that it may be idle: it could not
    be due before. When the clock wakes up, it knows since when the context is idle, and sleeps for the rest.
    """

    def __init__(
        self, limits: Limits, transcript: Transcript, expire: Callable[[str], None], *, lived_s: float = 0.0
    ) -> None:
        """Begin now, for a context that has lived for ``lived_s`` already.

        ``expire`` is called once, with the reason as a part of a sentence.
        """
        self._idle_s = limits.idle_s
        self._lifetime_s = limits.lifetime_s
        self._transcript = transcript
        self._expire = expire
        self._loop = asyncio.get_running_loop()
        self._begun_at = time.monotonic() - lived_s
        self._timer: asyncio.TimerHandle | None = None
        self._look()

    def at(self) -> float | None:
        """Return when the context ends if it is not used meanwhile, in seconds since the epoch; None if it does not."""
        ends = [end for end in (self._end_of_idleness(), self._end_of_life()) if end is not None]
        return time.time() + max(0.0, min(ends) - time.monotonic()) if ends else None

    def close(self) -> None:
        """Stop the clock."""
        if self._timer is not None:
            self._timer.cancel()

    def _end_of_life(self) -> float | None:
        return None if self._lifetime_s is None else self._begun_at + self._lifetime_s

    def _end_of_idleness(self) -> float | None:
        if self._idle_s is None or self._transcript.in_use:
            return None
        return self._transcript.idle_at + self._idle_s

    def _look(self) -> None:
        now = time.monotonic()
        idle, life = self._end_of_idleness(), self._end_of_life()
        if life is not None and life <= now:
            self._expire(f"its lifetime of {self._lifetime_s:g} s is over")
            return
        if idle is not None and idle <= now:
            self._expire(f"it was idle for {self._idle_s:g} s")
            return
        if idle is None and self._idle_s is not None:
            idle = now + self._idle_s
        next_at = min(end for end in (idle, life) if end is not None)
        self._timer = self._loop.call_later(min(next_at - now, LOOK_AGAIN_S), self._look)


def expired(context_id: str, transcript: Transcript, why: str) -> ContextExpired:
    """Tell the log and the followers that a context has expired; return what ends its executions."""
    _log.info("context %s expires: %s", context_id, why)
    transcript.tell(Expired(why=why))
    return ContextExpired(shown_id(context_id), why)
