"""The errors of the client. An exception of the code that was run is not one of these: see ``Execution.error``.

    ClientError
    ├── ConnectionFailed        no daemon answers there; nothing was done
    ├── ConnectionLost          the connection ended before the answer: the request may have been carried out
    │   └── ExecutionLost       an execution that may still run cannot be followed any more
    ├── Refused                 the daemon refused the request; ``code`` says why
    │   ├── ContextNotFound
    │   ├── CheckpointNotFound
    │   ├── NothingToUndo
    │   ├── ArchiveNotFound
    │   ├── NotCarried          a fork would lack something, and must not
    │   ├── NotSavedWhole       a context cannot hibernate
    │   └── LimitReached        may succeed later
    ├── UnexpectedAnswer        the answer is not from ``interpreterd``, or is from a proxy that cannot reach it
    ├── StartFailed             a private daemon did not start
    └── ExecutionFailed         the code did not complete without an error; only ``Execution.raise_for_error`` raises it

``ConnectionFailed`` and ``ConnectionLost`` are Python's ``ConnectionError``, too. A client that is used after its
``close`` raises ``RuntimeError``. An invalid URL raises ``ValueError``, an unknown keyword ``TypeError``. An argument
that JSON cannot hold raises ``InvalidArgument``, which is a ``ValueError``, or ``TypeError``.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from interpreterd.client.state import parse_lost, parse_skipped
from interpreterd.model.archives import Skipped
from interpreterd.model.losses import Lost

NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class ClientError(Exception):
    """The base class of all errors here but ``InvalidArgument``."""


class InvalidArgument(ValueError):
    """An argument cannot be sent, and is named: text with a lone surrogate, a number that is infinite or NaN."""


class ConnectionFailed(ClientError, ConnectionError):
    """No daemon answers. The message says how to start one.

    Attributes:
        what: Which URL does not answer, and why.
        start: The command that would start it.
    """

    def __init__(self, what: str, start: str) -> None:
        super().__init__(f"{what}: start one with `{start}`, or a private one with Interpreter.local()")
        self.what = what
        self.start = start


class ConnectionLost(ClientError, ConnectionError):
    """The connection ended before the answer came, or no answer came in time."""


class ExecutionLost(ConnectionLost):
    """The connection ended, and the execution cannot be followed over a new one.

    Attributes:
        execution_id: None if the client does not know whether the daemon has accepted the execution.
    """

    def __init__(self, message: str, execution_id: str | None) -> None:
        super().__init__(message)
        self.execution_id = execution_id


class Refused(ClientError):
    """The daemon refused the request.

    Attributes:
        code: The reason, as a stable word: ``invalid_cwd``, ``default_context`` and so on. PROTOCOL.md lists them.
        status: The HTTP status.
        retry_after_s: After how many seconds to try again; None if the daemon does not say so.
        answer: The daemon's JSON.
    """

    def __init__(
        self,
        message: str,
        code: str,
        status: int,
        retry_after_s: float | None = None,
        answer: Mapping[str, Any] = NOTHING,
    ) -> None:
        super().__init__(message)
        self.answer = dict(answer)
        self.code = code
        self.status = status
        self.retry_after_s = retry_after_s


class ContextNotFound(Refused):
    """No context has this id, or it has been deleted."""


class CheckpointNotFound(Refused):
    """The context has no such checkpoint, or no longer."""


class NothingToUndo(Refused):
    """The context has no checkpoint from right before its last execution."""


class ArchiveNotFound(Refused):
    """No archive has this id or name."""


class NotCarried(Refused):
    """A fork that must lack nothing would lack something. No fork was made."""

    @property
    def not_carried(self) -> tuple[Lost, ...]:
        """What the fork would lack."""
        return parse_lost(self.answer.get("notCarried", ()))


class NotSavedWhole(Refused):
    """A context cannot hibernate, because some of its variables cannot be saved. It is as it was."""

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """The variables that cannot be saved, each with the reason."""
        return parse_skipped(self.answer.get("skipped", ()))


class LimitReached(Refused):
    """A limit of the daemon or of its machine is reached; ``code`` is ``limit_reached`` or ``out_of_resources``."""


class UnexpectedAnswer(ClientError):
    """The answer is not from ``interpreterd``.

    Attributes:
        status: The HTTP status.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class StartFailed(ClientError):
    """A private daemon ended before it was ready. The message has the last lines of its log."""


REFUSALS: Final[dict[str, type[Refused]]] = {
    "context_not_found": ContextNotFound,
    "checkpoint_not_found": CheckpointNotFound,
    "nothing_to_undo": NothingToUndo,
    "archive_not_found": ArchiveNotFound,
    "not_carried": NotCarried,
    "not_saved_whole": NotSavedWhole,
    "limit_reached": LimitReached,
    "out_of_resources": LimitReached,
}
