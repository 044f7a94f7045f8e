"""The client's request that is being served: its ids, under which logs, the audit log and traces name it."""

from contextvars import ContextVar
from typing import Any, Final

from attrs import define


@define(eq=False, repr=False)
class ClientRequest:
    """One request of a client over HTTP; a WebSocket is one request, whatever is run on it. It does not change.

    It is not frozen, because each request makes one, and attrs takes three times as long for a frozen one.

    Attributes:
        request_id: The client's ``X-Request-Id``, or the daemon's own id.
        traceparent: The client's place in a trace, as W3C Trace Context has it; empty without one.
        tracestate: What belongs to it.
        address: From where it comes; empty for a unix socket, and if nothing is written down.
        span: Its span, for ``monitoring.tracing`` alone; None without tracing.
    """

    request_id: str
    traceparent: str = ""
    tracestate: str = ""
    address: str = ""
    span: Any = None


CALLER: Final[ContextVar[ClientRequest | None]] = ContextVar("CALLER", default=None)
"""The request that this task serves; None outside of requests."""
