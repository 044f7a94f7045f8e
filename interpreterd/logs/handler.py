"""Logs go to stderr, one line per record, as text or as JSON. Logging never waits for a reader."""

import atexit
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from interpreterd.logs.event_log import EventLog, tells_events
from interpreterd.logs.lines import Lines, LineStream
from interpreterd.logs.settings import LogSettings
from interpreterd.logs.throttle import Throttle
from interpreterd.model.errors import cut

MESSAGE_LIMIT_CHARS: Final = 2000
EXCEPTION_LIMIT_CHARS: Final = 16_000
STDERR_FD: Final = 2
_CONTROLS: Final = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))} | {10: "\\n", 9: " "}


def about(context_id: str, logger: logging.Logger) -> "logging.LoggerAdapter[logging.Logger]":
    """Return ``logger`` for messages that a context may provoke: repeated messages are counted, not written."""
    return logging.LoggerAdapter(logger, {"about": context_id})


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ``time`` (RFC 3339), ``level``, ``logger``, ``message``, perhaps ``exception``."""

    def format(self, record: logging.LogRecord) -> str:
        """See ``logging.Formatter``."""
        body = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": cut(record.getMessage(), MESSAGE_LIMIT_CHARS),
        }
        if record.exc_info:
            body["exception"] = cut(self.formatException(record.exc_info), EXCEPTION_LIMIT_CHARS)
        # JSON cannot hold a lone surrogate, which a file name that is not UTF-8 has.
        return orjson.dumps(
            {key: text.encode(errors="backslashreplace").decode() for key, text in body.items()}
        ).decode()


class TextFormatter(logging.Formatter):
    """A line for people, which a message cannot break or colour; a traceback has lines of its own."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """See ``logging.Formatter``."""
        record.message = cut(record.message, MESSAGE_LIMIT_CHARS).translate(_CONTROLS)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:
        """See ``logging.Formatter``."""
        return cut(super().formatException(ei), EXCEPTION_LIMIT_CHARS)


class _Handler(logging.Handler):
    """Writes the records that the throttle admits to ``lines``."""

    def __init__(self) -> None:
        super().__init__()
        self._throttle = Throttle()
        self.lines = Lines(STDERR_FD, tell=self._tell_dropped, tick=self._tell_left_out)

    def emit(self, record: logging.LogRecord) -> None:
        """See ``logging.Handler``; it is called with the handler's lock held."""
        try:
            if self._throttle.admits(record):
                self.lines.put(self.format(record))
        except Exception:
            self.handleError(record)

    def end(self) -> None:
        """Write what is left, within a bound."""
        self._tell_left_out(all_of_them=True)
        self.lines.flush()

    def _tell_left_out(self, *, all_of_them: bool = False) -> float | None:
        """Write how many records the throttle has left out; return the seconds until there may be more to report."""
        self.acquire()
        try:
            for record in self._throttle.ended(all_of_them=all_of_them):
                self.lines.put(self.format(record))
            return self._throttle.due_in()
        finally:
            self.release()

    def _tell_dropped(self, count: int) -> str:
        args = (count, "" if count == 1 else "s", "was" if count == 1 else "were")
        return self.format(
            logging.LogRecord(__name__, logging.WARNING, __file__, 0, "%d log line%s %s dropped", args, None)
        )


def flush() -> None:
    """Wait, within a bound, until what was logged is written."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, _Handler):
            handler.lines.flush()


def set_up_logging(settings: LogSettings) -> EventLog | None:
    """Log to stderr as ``settings`` say, and send everything printed to stderr the same way; once in a process.

    Returns the log of events, if there is to be one.
    """
    handler = _Handler()
    handler.setFormatter(JsonFormatter() if settings.log_format == "json" else TextFormatter())
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler])
    sys.stderr = LineStream(handler.lines, STDERR_FD)
    atexit.register(handler.end)
    return EventLog(handler.lines, as_json=settings.log_format == "json") if tells_events(settings) else None
