"""What can go wrong for a client. An exception of the code that was run is none of these: it is ``Execution.error``.

    ClientError
    ├── ConnectionFailed        nobody answers there; nothing was asked of anyone
    ├── ConnectionLost          the connection ended before the answer: what was asked may have been done
    │   └── ExecutionLost       an execution that was under way cannot be followed any more
    ├── Refused                 the daemon said no, and why: ``code``
    │   ├── ContextNotFound
    │   └── LimitReached        may go well later
    ├── UnexpectedAnswer        what answers there is no ``interpreterd``, or a proxy that cannot reach it
    ├── StartFailed             a private daemon did not start
    └── ExecutionFailed         the code did not complete without an error; only ``Execution.raise_for_error`` raises it

``ConnectionFailed`` and ``ConnectionLost`` are Python's ``ConnectionError`` as well. A client that is used after its
``close`` raises ``RuntimeError``, a URL that is none ``ValueError``, an argument that no JSON can hold
``InvalidArgument``, which is one, or ``TypeError``.
"""

from typing import Final


class ClientError(Exception):
    """Base of them all."""


class InvalidArgument(ValueError):
    """An argument cannot be sent: text that is no Unicode (a lone surrogate), a number that is none. Names it."""


class ConnectionFailed(ClientError, ConnectionError):
    """There is no connection to the daemon; says how to start one.

    Attributes:
        what: Who does not answer, and why.
        start: The command that would start it.
    """

    def __init__(self, what: str, start: str) -> None:
        super().__init__(f"{what}: start one with `{start}`, or a private one with Interpreter.local()")
        self.what = what
        self.start = start


class ConnectionLost(ClientError, ConnectionError):
    """The connection ended before the answer came, or no answer came in time."""


class ExecutionLost(ConnectionLost):
    """The connection ended and could not be made up for.

    Attributes:
        execution_id: None if it is not even known whether the daemon has taken the execution.
    """

    def __init__(self, message: str, execution_id: str | None) -> None:
        super().__init__(message)
        self.execution_id = execution_id


class Refused(ClientError):
    """The daemon did not do what it was asked.

    Attributes:
        code: Which reason, stable; PROTOCOL.md lists them: ``invalid_cwd``, ``default_context`` and so on.
        status: The HTTP status.
        retry_after_s: When to try again, if the daemon says so.
    """

    def __init__(self, message: str, code: str, status: int, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.retry_after_s = retry_after_s


class ContextNotFound(Refused):
    """No context has this id, or it has been deleted."""


class LimitReached(Refused):
    """The daemon, or its machine, has no room for more; ``code`` is ``limit_reached`` or ``out_of_resources``."""


class UnexpectedAnswer(ClientError):
    """The answer is not one of ``interpreterd``.

    Attributes:
        status: The HTTP status.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class StartFailed(ClientError):
    """A private daemon ended before it was ready; says what it said last."""


REFUSALS: Final[dict[str, type[Refused]]] = {
    "context_not_found": ContextNotFound,
    "limit_reached": LimitReached,
    "out_of_resources": LimitReached,
}
