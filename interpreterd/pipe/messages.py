"""The messages between daemon and worker: one JSON object per line. ``PROTOCOL.md`` describes them.

``tests/golden`` has examples. The worker's messages are untrusted, since user code shares its process: ``decode_line``
takes any bytes, and returns a message or raises ``ProtocolError``.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson
from attrs import field, frozen

from interpreterd.model.errors import ProtocolError
from interpreterd.model.failures import Failure
from interpreterd.model.files import ChangedFiles
from interpreterd.model.looks import Found
from interpreterd.model.requests import Execute
from interpreterd.pipe.archiving import ARCHIVE_PARSERS, LONG_ANSWERS, ArchiveAnswer, ArchiveRequest
from interpreterd.pipe.branching import BRANCH_PARSERS, BranchAnswers, BranchRequest, parse_reseeded
from interpreterd.pipe.calls import Called, CancelCall, Dropped, Raise, Return, parse_called, parse_dropped
from interpreterd.pipe.changes import parse_changed
from interpreterd.pipe.confinement import Confinement
from interpreterd.pipe.failures import parse_reported
from interpreterd.pipe.looks import parse_found
from interpreterd.pipe.turns import SECRET_CHARS
from interpreterd.pipe.values import get, get_optional

VERSION: Final = 1
# Limit for kinds that may come often. A prompt of 16,384 characters is the longest; an exception's text comes once.
SHORT_LIMIT_BYTES: Final = 256 << 10
_LONG: Final = frozenset({"done", "failed"}) | LONG_ANSWERS


@frozen(kw_only=True)
class Configure:
    """Daemon: become the worker of a context. Answered by ``Configured`` or ``Failed``.

    Attributes:
        envs: Added to the environment, for good.
        data_bytes: Limit of the memory that it and each process that it starts may allocate from now on; None for no
            limit.
        file_bytes: Limit of the length of each file that they write; None for no other than it has.
        writes: Whether they may write files at all, for now; False only with ``file_bytes``.
        open_files: Limit of the descriptors that each of them has open; None for no other than it has.
        processes: Limit of the processes and threads of their user, a user of the context's own; None for no other.
        confine: What it does to itself before that; None for nothing.
    """

    cwd: str
    envs: Mapping[str, str] = field(factory=dict, repr=lambda envs: f"<{len(envs)} variables>")
    data_bytes: int | None = None
    file_bytes: int | None = None
    writes: bool = True
    open_files: int | None = None
    processes: int | None = None
    confine: Confinement | None = None

    @property
    def moves(self) -> bool:
        """Whether the worker has to move into another process: see ``workers/moving.py``."""
        return self.confine is not None and "pid" in self.confine.namespaces


@frozen
class Run:
    """Daemon: run the code of ``request``. Answered by ``Done`` or ``Exiting``, or by the worker's death.

    Attributes:
        number: The number of the context's execution, counted from 1, which names the code in tracebacks. It is only
            told if the request counts.
    """

    execution_id: str
    request: Execute
    number: int = field(default=1, eq=False)

    @property
    def code(self) -> str:
        """The code."""
        return self.request.code

    @property
    def envs(self) -> Mapping[str, str]:
        """The variables of this execution."""
        return self.request.envs


@frozen(kw_only=True)
class Answer:
    """Daemon: the answer to the ``Asked`` with this number.

    Attributes:
        text: Without a newline; None for the end of the input: every further question of this execution fails.
    """

    number: int
    text: str | None = field(repr=lambda text: "<secret>")


@frozen(kw_only=True)
class Sync:
    """Daemon: forget an interrupt that came after its execution had ended. Answered by ``Synced``."""


@frozen(kw_only=True)
class Exit:
    """Daemon: end as Python does, with exit handlers. Answered only by the worker's end."""


@frozen(kw_only=True)
class Fork:
    """Daemon, to a template, with four descriptors: fork a worker. Answered by ``Forked``."""


@frozen(kw_only=True)
class Leave:
    """Daemon: the child of ``Moved`` is known; the process that said so ends, and the child goes on."""


@frozen(kw_only=True)
class Ready:
    """Worker: it has started, and speaks version ``VERSION`` of this protocol.

    Attributes:
        mark: The secret of its marks in the output pipes, see ``turns.py``; None if it writes no marks.
        reseeded: The sources of random numbers that a copy of another worker has seeded anew.
    """

    pid: int
    python: str
    mark: str | None = field(default=None, repr=False)
    reseeded: tuple[str, ...] = ()


@frozen(kw_only=True)
class Configured:
    """Worker: it is in its context's directory."""


@frozen(kw_only=True)
class Moved:
    """Worker: from now on it is its child ``pid``, in a pid namespace. Answered by ``Leave``; no listener is told.

    Attributes:
        first: Another child, the first process of the namespace, which does nothing; None if the worker is the first.
    """

    pid: int
    first: int | None = None


@frozen(kw_only=True)
class Failed:
    """Worker: it cannot be configured, and is of no use."""

    reason: str


@frozen(kw_only=True)
class Done:
    """Worker: the execution ended, and all its output is in the pipes.

    Attributes:
        children: Whether the worker has child processes now.
        found: The answer to a task.
        files: The files that it has changed, if the request asked for them.
    """

    execution_id: str
    error: Failure | None = None
    children: bool = False
    found: Found | None = None
    files: ChangedFiles | None = None


@frozen(kw_only=True)
class Exiting:
    """Worker: the execution called ``exit()``; the process now ends by itself."""

    execution_id: str
    files: ChangedFiles | None = None


@frozen(kw_only=True)
class Asked:
    """Worker: the code waits in ``input()`` or ``getpass()``. Answered by ``Answer``, or ended by an interrupt.

    Attributes:
        number: Different for each question. Only the latest waits for an answer: code may give up, by an alarm, and ask
            again, but only so often; see ``Actions``.
    """

    execution_id: str
    number: int
    prompt: str
    password: bool


@frozen(kw_only=True)
class Synced:
    """Worker: answer to ``Sync``."""


@frozen(kw_only=True)
class Forked:
    """Template: ``pid`` is the worker of the oldest unanswered ``Fork``."""

    pid: int


@frozen(kw_only=True)
class Reaped:
    """Template: its worker ``pid`` has ended; ``status`` as ``subprocess`` has it, negative for a signal."""

    pid: int
    status: int


_Between = ArchiveRequest | BranchRequest
ToWorker = Configure | Leave | Run | Answer | Return | Raise | CancelCall | Sync | Exit | Fork | _Between
_FromTemplate = Forked | Reaped
_OfOperations = ArchiveAnswer | BranchAnswers
_AtStart = Ready | Moved | Configured | Failed
FromWorker = _AtStart | Asked | Called | Dropped | Done | Exiting | Synced | _FromTemplate | _OfOperations


def decode_line(line: bytes) -> FromWorker:
    """Return the message of one line.

    Raises:
        ProtocolError: ``line`` is not a message.
    """
    try:
        body = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ProtocolError(f"not JSON: {error}") from None
    if not isinstance(body, dict):
        raise ProtocolError("not a JSON object")
    kind = body.get("type")
    if kind == "called":
        return parse_called(body, line)
    parse = _PARSERS.get(kind) if isinstance(kind, str) else None
    if parse is None:
        raise ProtocolError(f"unknown type {kind!r:.40}")
    if len(line) > SHORT_LIMIT_BYTES and kind not in _LONG:  # the cost of reading it depends on its content
        raise ProtocolError(f"{kind} is longer than {SHORT_LIMIT_BYTES} bytes")
    return parse(body)


def _ready(body: dict[str, Any]) -> Ready:
    if (version := get(body, "version", int)) != VERSION:
        raise ProtocolError(f"the worker speaks version {version}, the daemon {VERSION}")
    mark = None if body.get("mark") is None else get(body, "mark", str)
    if mark is not None and not (len(mark) == SECRET_CHARS and mark.isascii() and mark.isalnum()):
        raise ProtocolError(f"mark must be {SECRET_CHARS} letters and digits")
    reseeded = parse_reseeded(body) if "reseeded" in body else ()
    return Ready(pid=get(body, "pid", int), python=get(body, "python", str), mark=mark, reseeded=reseeded)


def _asked(body: dict[str, Any]) -> Asked:
    return Asked(
        execution_id=get(body, "id", str),
        number=get(body, "number", int),
        prompt=get(body, "prompt", str),
        password=get(body, "password", bool),
    )


def _done(body: dict[str, Any]) -> Done:
    error = body.get("error")
    children = "children" in body and get(body, "children", bool)
    return Done(
        execution_id=get(body, "id", str),
        error=None if error is None else parse_reported(error),
        children=children,
        found=parse_found(get(body, "found", dict)) if "found" in body else None,
        files=parse_changed(body),
    )


_PARSERS: Final[Mapping[str, Callable[[dict[str, Any]], FromWorker]]] = {
    "ready": _ready,
    "moved": lambda body: Moved(pid=get(body, "pid", int), first=get_optional({"first": None, **body}, "first", int)),
    "configured": lambda body: Configured(),
    "failed": lambda body: Failed(reason=get(body, "reason", str)),
    "asked": _asked,
    "dropped": parse_dropped,
    "done": _done,
    "exiting": lambda body: Exiting(execution_id=get(body, "id", str), files=parse_changed(body)),
    "synced": lambda body: Synced(),
    "forked": lambda body: Forked(pid=get(body, "pid", int)),
    "reaped": lambda body: Reaped(pid=get(body, "pid", int), status=get(body, "status", int)),
    **ARCHIVE_PARSERS,
    **BRANCH_PARSERS,
}
