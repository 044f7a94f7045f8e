"""The errors of the daemon, as types. Each dialect gives them their HTTP status and close code.

``str(error)`` is one sentence without a full stop, for a client. What *user code* raises is text: ``events.Failure``.

    InterpreterError
    ├── MalformedRequest        not JSON, not an object, a key of the wrong type
    │   ├── BodyTooLarge
    │   ├── BodyTooSlow
    │   ├── UnsupportedEncoding
    │   └── UpgradeRequired
    ├── InvalidRequest          the right type, an impossible value
    │   ├── UnsupportedLanguage
    │   ├── InvalidWorkingDirectory
    │   ├── InvalidLimit
    │   ├── DefaultContextKept
    │   ├── InvalidPath         this one and those of files: ``file_errors``
    │   └── ArchiveRefused      corrupt, foreign, or of another Python: of ``state_errors``
    ├── NotAcceptable           ``Accept`` allows none of the answer's forms
    ├── Unauthorized            no token, or one that the daemon does not know: this and the next are ``access_errors``
    │   └── TooManyAttempts     too many of those from one address
    ├── Forbidden               a foreign Origin or Host, or a role that may not do this
    ├── ContextNotFound
    ├── ExecutionNotFound
    ├── CallNotFound            of a host function: of ``execution_errors``
    ├── FileError
    │   ├── NoSuchFile
    │   ├── PathOutside
    │   ├── FileForbidden
    │   ├── NotAFile
    │   ├── NotADirectory
    │   ├── DirectoryNotEmpty
    │   ├── FileTooLarge
    │   │   └── DirectoryTooLarge
    │   ├── DiskFull
    │   ├── ConditionFailed
    │   └── RangeOutside
    ├── OperationFailed         on a worker between its executions: this one and the others here are ``state_errors``
    │   ├── OutOfStep           it is not known what the worker does now
    │   └── NotForkable
    ├── NotCarried              by a strict fork
    ├── CheckpointNotFound
    ├── CheckpointExists        of this name
    ├── CheckpointsFull         no further one can be kept
    ├── NothingToUndo
    ├── NoStateDirectory
    ├── ArchiveExists
    ├── ArchiveNotFound
    ├── NotSavedWhole           so it cannot hibernate
    ├── LimitReached
    │   ├── AuditUnavailable    this one and the next are of ``access_errors``
    │   └── QuotaReached        a tenant's own
    ├── WorkerStartFailed
    │   ├── OutOfResources      no descriptors, processes or memory for one more
    │   └── IsolationUnavailable  of ``isolation``
    ├── LookFailed              a look at the namespace has found nothing that can be told: of ``execution_errors``
    ├── ExecutionTimedOut
    ├── ExecutionInterrupted
    │   └── EarlierFailed       of ``execution_errors``
    ├── LimitExceeded
    ├── ContextDeleted
    │   └── ContextExpired      of ``expiry``
    ├── ContextRestarted
    └── ServerShuttingDown
        └── ContextMoving       a context that the daemon, which this one replaces, still has; of ``state_errors``
"""

from collections.abc import Iterable
from typing import ClassVar, Final, Self

SENTENCE_LIMIT_CHARS: Final = 2000


def cut(text: str, limit_chars: int) -> str:
    """Return ``text``, or its beginning and its end if it is longer than ``limit_chars``."""
    if len(text) <= limit_chars:
        return text
    half = limit_chars // 2
    return f"{text[:half]} … {len(text) - 2 * half} characters … {text[-half:]}"


class InterpreterError(Exception):
    """Base of all errors that a client may see.

    Attributes:
        code: Its stable name for programs, in any dialect, in ``snake_case``; without one, that of the base.
    """

    code: ClassVar[str] = "internal_error"

    def __str__(self) -> str:
        """Return the message, cut: it may quote a client, and be long."""
        return cut(super().__str__(), SENTENCE_LIMIT_CHARS)

    def again(self) -> Self:
        """Return an equal error to raise while this one is kept: a raised error keeps the frames that it has passed."""
        error = type(self).__new__(type(self), *self.args)
        error.__dict__.update(self.__dict__)
        return error


class MalformedRequest(InterpreterError):
    """The client's message is not a JSON object, or a key has the wrong type. Names the key and its type."""

    code = "malformed_request"


class BodyTooLarge(MalformedRequest):
    """A body or message exceeds ``--body-limit-bytes``, or ``what``, a part of it, exceeds its own limit."""

    code = "body_too_large"

    def __init__(self, limit_bytes: int, what: str = "the request") -> None:
        super().__init__(f"{what} is larger than the limit of {limit_bytes} bytes")


class BodyTooSlow(MalformedRequest):
    """A body did not arrive in time."""

    code = "request_timeout"

    def __init__(self) -> None:
        super().__init__("the body of the request did not come in time")


class UnsupportedEncoding(MalformedRequest):
    """A body is compressed."""

    code = "unsupported_encoding"

    def __init__(self) -> None:
        super().__init__("Content-Encoding must be identity: compressed bodies are not taken")


class UpgradeRequired(MalformedRequest):
    """A plain HTTP request for a route that needs a WebSocket."""

    code = "upgrade_required"

    def __init__(self) -> None:
        super().__init__("this route speaks WebSocket, version 13, only")


class InvalidRequest(InterpreterError):
    """A key has the right type and an impossible value."""

    code = "invalid_request"


class UnsupportedLanguage(InvalidRequest):
    """``language`` is neither ``python`` nor empty."""

    code = "unsupported_language"

    def __init__(self) -> None:
        super().__init__("Unsupported language. Only 'python' is supported.")


class InvalidWorkingDirectory(InvalidRequest):
    """``cwd`` is not a directory, or cannot be entered."""

    code = "invalid_cwd"


class InvalidLimit(InvalidRequest):
    """A limit of a context has an impossible value.

    Attributes:
        limit: Its name in ``Limits``; each dialect has its own.
        must: The rule that it breaks, as a predicate.
    """

    def __init__(self, limit: str, must: str) -> None:
        super().__init__(f"limit {limit} {must}")
        self.limit = limit
        self.must = must


class DefaultContextKept(InvalidRequest):
    """The default context lives as long as the daemon."""

    code = "default_context"

    def __init__(self) -> None:
        super().__init__("cannot delete default context")


class NotAcceptable(InterpreterError):
    """The client accepts none of the media types of the answer; names those."""

    code = "not_acceptable"

    def __init__(self, offered: Iterable[str]) -> None:
        super().__init__(f"Accept must allow one of {', '.join(offered)}")


class Forbidden(InterpreterError):
    """The daemon does not serve the ``Origin`` or ``Host`` of the request, or the token's role may not do this."""

    code = "forbidden"


class ContextNotFound(InterpreterError):
    """No context has this id."""

    code = "context_not_found"

    def __init__(self, context_id: str) -> None:
        super().__init__(f"context not found: {context_id}")


class ExecutionNotFound(InterpreterError):
    """No execution has this id, or it ended long ago and is forgotten."""

    code = "execution_not_found"

    def __init__(self, execution_id: str) -> None:
        super().__init__(f"execution not found: {execution_id}")


class LimitReached(InterpreterError):
    """A limit of the daemon is reached; names the limit and its value.

    Attributes:
        retry_after_s: When it may be worth while to ask again.
    """

    code = "limit_reached"

    def __init__(self, what: str, *, retry_after_s: int = 1) -> None:
        super().__init__(what)
        self.retry_after_s = retry_after_s


class WorkerStartFailed(InterpreterError):
    """No worker could be started; says why.

    Attributes:
        refused: Whether the worker itself has said so. Another worker would say the same.
    """

    code = "worker_start_failed"

    def __init__(self, why: str, *, refused: bool = False) -> None:
        super().__init__(why)
        self.refused = refused


class OutOfResources(WorkerStartFailed):
    """The machine, or a limit of the system, has no room for one more worker; living workers go on."""

    code = "out_of_resources"


class ExecutionTimedOut(InterpreterError):
    """The execution ran longer than its ``timeout``."""

    code = "execution_timed_out"


class ExecutionInterrupted(InterpreterError):
    """A client interrupted the execution."""

    code = "execution_interrupted"


class LimitExceeded(InterpreterError):
    """The execution exceeded a limit of its context; names the limit and its value."""

    code = "limit_exceeded"


class ContextDeleted(InterpreterError):
    """The context ended while the execution was running or queued."""

    code = "context_deleted"

    def __init__(self, context_id: str) -> None:
        super().__init__(f"context deleted: {context_id}")


class ContextRestarted(InterpreterError):
    """The context got a new worker while the execution was running or queued."""

    code = "context_restarted"

    def __init__(self, context_id: str) -> None:
        super().__init__(f"context restarted: {context_id}")


class ServerShuttingDown(InterpreterError):
    """The daemon is shutting down; it takes no more work."""

    code = "shutting_down"

    def __init__(self, why: str = "server is shutting down") -> None:
        super().__init__(why)


class ProtocolError(Exception):
    """A worker sent an invalid message. It never reaches a client: the worker is replaced."""
