"""What clients see of an execution."""

from attrs import frozen

from interpreterd.model.events import Failure


@frozen(kw_only=True)
class ExecutionInfo:
    """An execution at one moment. Times are in seconds since the epoch.

    Attributes:
        state: ``queued``, ``running``, or how it ended: ``completed``, ``interrupted``, ``lost``, ``cancelled``.
        code_sha256: In hexadecimal digits, of its code as UTF-8.
        first_line: Of its code, the first one that is not blank, or its beginning.
        origin: What the client called itself.
        stdout_chars: How many characters were written so far.
        first_event: The number of the oldest event that is kept.
        events: The number of the next event.
    """

    id: str
    context_id: str
    state: str
    code_sha256: str
    first_line: str
    origin: str
    created_at: float
    started_at: float | None
    finished_at: float | None
    error: Failure | None
    stdout_chars: int
    stderr_chars: int
    first_event: int
    events: int

    @property
    def ended(self) -> bool:
        """Whether its last event is there."""
        return self.finished_at is not None
