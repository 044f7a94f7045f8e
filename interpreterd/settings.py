"""The daemon's settings: each field is also a flag of ``interpreterd serve`` and an ``INTERPRETERD_…`` variable."""

import math
import os
from collections.abc import Callable
from typing import Any

from attrs import field, frozen

MIB = 1 << 20
QUEUE_LIMIT = 128
SOCKET_PATH_LIMIT_BYTES = 107  # unix(7): sun_path, without its NUL
LEAST_MEMORY_BYTES = 16 * MIB  # used by the worker itself
NUMBER_LIMIT = (1 << 53) - 1  # the largest whole number that every reader of JSON takes exactly
SECONDS_LIMIT = 10**9  # thirty years; a timer of a thousand would not fit into the clocks of all libraries


def words(text: str) -> tuple[str, ...]:
    """Return the comma-separated words of ``text``."""
    return tuple(word for word in (part.strip() for part in text.split(",")) if word)


def setting(default: Any, help: str, *, parse: Callable[[str], Any] = str, choices: tuple[str, ...] = ()) -> Any:
    """Return an attrs field that is also a flag; ``parse`` raises ValueError for a bad value."""
    return field(default=default, metadata={"help": help, "parse": parse, "choices": choices})


def _at_least(least: float, parse: Callable[[str], Any], *, most: float = NUMBER_LIMIT) -> Callable[[str], Any]:
    def check(text: str) -> Any:
        value = parse(text)
        if not value >= least:
            raise ValueError(f"must be at least {least}")
        if not value <= most:
            raise ValueError(f"must be at most {most}")
        return value

    return check


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError("must be a whole number") from None


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise ValueError("must be a number") from None
    if not math.isfinite(number):
        raise ValueError("must be a finite number")
    return number


def _port(text: str) -> int:
    if not 0 <= (port := _whole(text)) <= 65535:
        raise ValueError("must be a port from 0 to 65535")
    return port


def _base_path(text: str) -> str:
    path = text.strip("/")
    return f"/{path}" if path else ""


def _absolute(text: str) -> str:
    try:
        return os.path.abspath(text)
    except OSError:
        raise ValueError("must be an absolute path, because the current directory no longer exists") from None


def _socket_path(text: str) -> str:
    path = _absolute(text) if text else ""
    if len(os.fsencode(path)) > SOCKET_PATH_LIMIT_BYTES:
        raise ValueError(f"must be a path of at most {SOCKET_PATH_LIMIT_BYTES} bytes")
    return path


def _flag(text: str) -> bool:
    if text.lower() not in ("1", "true", "yes", "on", "0", "false", "no", "off", ""):
        raise ValueError("must be true or false")
    return text.lower() in ("1", "true", "yes", "on")


def parse_bytes(text: str) -> int:
    """Return a size: ``512M`` is 512 MiB."""
    unit = {"K": 1 << 10, "M": MIB, "G": 1 << 30}.get(text[-1:].upper())
    try:
        return int(text) if unit is None else int(text[:-1]) * unit
    except ValueError:
        raise ValueError("must be a number of bytes, for example 65536, 64K, 512M or 2G") from None


def _processor_time(text: str) -> float:
    seconds: float = _seconds(text)
    if not seconds:
        raise ValueError("must be more than 0")
    return seconds


_seconds = _at_least(0, _number, most=SECONDS_LIMIT)
_patience = _at_least(0.1, _number, most=SECONDS_LIMIT)
_count = _at_least(1, _whole)
_size = _at_least(1, parse_bytes)
_workers = _at_least(0, _whole)


@frozen(kw_only=True)
class Settings:
    """The settings of a daemon. Times in seconds, sizes in bytes, as a flag also ``64K``, ``512M``, ``2G``."""

    host: str = setting("127.0.0.1", "address to listen on")
    port: int = setting(3987, "port to listen on; 0 picks a free one", parse=_port)
    unix_socket: str = setting(
        "", "path of a unix socket to listen on, for this user only, instead of host and port", parse=_socket_path
    )
    cwd: str = setting(None, "working directory of the default context (default: the current one)", parse=_absolute)
    base_path: str = setting(
        "", "path below which the API is served as well, for a proxy that does not strip it", parse=_base_path
    )
    python: str = setting("python3", "Python that runs the code: a name on PATH or a path; CPython 3.9 or newer")
    log_format: str = setting("text", "format of the logs on stderr", choices=("text", "json"))
    log_level: str = setting("info", "lowest severity that is logged", choices=("debug", "info", "warning", "error"))
    exit_with_parent: bool = setting(False, "end when the process that started the daemon ends", parse=_flag)
    allow_origin: tuple[str, ...] = setting(
        (), "comma-separated origins of web pages that may use the daemon, besides its own; * allows all", parse=words
    )
    allow_host: tuple[str, ...] = setting(
        (), "comma-separated Host names to accept, besides loopback and the bound address; * allows all", parse=words
    )
    body_limit_bytes: int = setting(16 * MIB, "size limit of a request body and of a WebSocket message", parse=_size)
    max_connections: int = setting(
        8192,
        "limit of open connections, and at most half of the open files that the system allows; one more closes the "
        "connection that has been silent longest, or is refused if all are busy",
        parse=_count,
    )
    keep_alive_s: float = setting(
        60.0, "seconds that a connection stays open after an answer, for the next request", parse=_patience
    )
    head_timeout_s: float = setting(
        10.0, "seconds that a client may take to send the head of a request", parse=_patience
    )
    body_timeout_s: float = setting(
        30.0,
        "seconds that a client may pause within the body of a request; the whole body may take ten times as long",
        parse=_patience,
    )
    launcher: str = setting(
        "spawn", "how workers start: spawn starts a new Python, fork forks a template", choices=("spawn", "fork")
    )
    preload: tuple[str, ...] = setting(
        (),
        "comma-separated modules that a template imports once, for all contexts; implies --launcher fork",
        parse=words,
    )
    pool_size: int = setting(2, "number of started workers that wait for new contexts", parse=_workers)
    max_contexts: int = setting(4096, "limit of contexts at the same time; the next one is refused", parse=_count)
    queue_limit: int = setting(
        QUEUE_LIMIT, "limit of executions that wait in one context; the next one is refused", parse=_count
    )
    queue_bytes: int = setting(
        128 * MIB, "memory for waiting and running code of one context; beyond it an execution is refused", parse=_size
    )
    queues_bytes: int = setting(
        256 * MIB, "memory for waiting and running code of all contexts; beyond it an execution is refused", parse=_size
    )
    code_limit_bytes: int | None = setting(
        None, "size limit of an execution's code; longer code is refused (default: no limit)", parse=_size
    )
    context_memory: int | None = setting(
        None,
        "memory of a context's processes, for example 512M; beyond it they are killed (default: no limit)",
        parse=_at_least(LEAST_MEMORY_BYTES, parse_bytes),
    )
    context_processes: int | None = setting(
        None, "number of processes of a context; beyond it they are killed (default: no limit)", parse=_count
    )
    context_cpu_s: float | None = setting(
        None,
        "processor seconds of an execution; beyond them it is interrupted (default: no limit)",
        parse=_processor_time,
    )
    context_output_bytes: int | None = setting(
        None, "output of an execution; the rest is cut (default: no limit)", parse=_size
    )
    backlog_limit_bytes: int = setting(
        256 << 10, "memory for unread output of an execution; beyond it the program waits for its client", parse=_size
    )
    journal_bytes: int = setting(
        MIB, "size of the events kept of an execution, for replay; the oldest are dropped first", parse=_size
    )
    journals_bytes: int = setting(
        64 * MIB,
        "size of the events kept of all executions together; the oldest ended execution is dropped first",
        parse=_size,
    )
    heartbeat_s: float = setting(
        60.0,
        "seconds after which a client that takes no data, or answers no WebSocket ping, counts as disconnected",
        parse=_at_least(1, _number, most=SECONDS_LIMIT),
    )
    grace_s: float = setting(2.0, "seconds between an interrupt and the kill that follows it", parse=_seconds)
    start_timeout_s: float = setting(30.0, "seconds that a worker may take to start", parse=_seconds)
    first_message_timeout_s: float = setting(
        10.0, "seconds that a WebSocket client may take to send its first message", parse=_seconds
    )

    def __attrs_post_init__(self) -> None:
        if not self.cwd:
            object.__setattr__(self, "cwd", _absolute("."))
