"""Limits how often the log repeats a message that user code or a client can provoke again and again."""

import logging
import time
from collections.abc import Callable, Iterable
from typing import Final

from attrs import define

REPEAT_PERIOD_S: Final = 60.0
CONTEXT_LIMIT: Final = 10  # lines per period about one context, from one place in the source
LIMIT: Final = 100  # the same for all contexts together
_QUOTED_LIMIT_CHARS: Final = 200

_Key = tuple[str, int, str | None]


@define
class _Period:
    """The records since the first line of a kind.

    Attributes:
        first: The first record that was left out, without its exception, which would keep everything alive.
    """

    ends_at: float
    admitted: int = 0
    left_out: int = 0
    first: logging.LogRecord | None = None

    def leave_out(self, record: logging.LogRecord) -> None:
        self.left_out += 1
        if self.first is None:
            args = (record.getMessage()[:_QUOTED_LIMIT_CHARS],)
            self.first = logging.LogRecord(
                record.name, record.levelno, record.pathname, record.lineno, "%s", args, None
            )

    def summary(self) -> logging.LogRecord | None:
        """Return a line about the records that were left out, if there are any."""
        record = self.first
        if record is not None:
            lines = "line" if self.left_out == 1 else "lines"
            record.msg = f"{self.left_out} more {lines} of this kind left out: %s"
        return record


class Throttle:
    """Admits ``CONTEXT_LIMIT`` or ``LIMIT`` lines of a kind per period, and counts the rest. Not thread-safe.

    A kind is a place in the source code and the context that the line is ``about``, see ``logs.about``. So a context
    that provokes many lines hides no lines about other contexts. A period is ``REPEAT_PERIOD_S``, and begins with the
    first line of its kind.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._periods: dict[_Key, _Period] = {}  # at most LIMIT of one place have a context

    def admits(self, record: logging.LogRecord) -> bool:
        """Return whether to write ``record``."""
        now = self._clock()
        about: str | None = getattr(record, "about", None)
        kinds: list[tuple[_Key, int]] = [((record.pathname, record.lineno, None), LIMIT)]
        if about is not None:
            kinds.insert(0, ((record.pathname, record.lineno, about), CONTEXT_LIMIT))
        for key, limit in kinds:
            period = self._periods.get(key)
            if period is not None and period.ends_at <= now and not period.left_out:
                del self._periods[key]
            elif period is not None and period.admitted >= limit:
                period.leave_out(record)
                return False
        for key, _ in kinds:
            self._periods.setdefault(key, _Period(now + REPEAT_PERIOD_S)).admitted += 1
        return True

    def ended(self, *, all_of_them: bool = False) -> Iterable[logging.LogRecord]:
        """Return a line for each period that has ended and left lines out, and forget these periods; or
        ``all_of_them``.
        """
        now = self._clock()
        ended = {key: it for key, it in self._periods.items() if all_of_them or it.ends_at <= now}
        for key in ended:
            del self._periods[key]
        return [record for it in ended.values() if (record := it.summary()) is not None]

    def due_in(self) -> float | None:
        """Return the seconds until the next period ends; None if there is none."""
        if not self._periods:
            return None
        return max(0.0, min(period.ends_at for period in self._periods.values()) - self._clock())
