"""Logs: to stderr, a line each, for people or for programs."""

import logging
from datetime import UTC, datetime

import orjson
from aiohttp.http_exceptions import HttpProcessingError

from interpreterd.settings import Settings


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ``time`` (RFC 3339), ``level``, ``logger``, ``message``, perhaps ``exception``."""

    def format(self, record: logging.LogRecord) -> str:
        """See ``logging.Formatter``."""
        body = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            body["exception"] = self.formatException(record.exc_info)
        # A lone surrogate, as in a file name that is no UTF-8, has no place in JSON.
        return orjson.dumps(
            {key: text.encode(errors="backslashreplace").decode() for key, text in body.items()}
        ).decode()


def _is_no_mistake_of_ours(record: logging.LogRecord) -> bool:
    """Whether to log a record of aiohttp's: not what it makes of bytes that are no HTTP, an error with a traceback."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


def set_up_logging(settings: Settings) -> None:
    """Log to stderr as ``settings`` say."""
    handler = logging.StreamHandler()
    if settings.log_format == "json":
        handler.setFormatter(JsonFormatter())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler])
    logging.getLogger("aiohttp.server").addFilter(_is_no_mistake_of_ours)
