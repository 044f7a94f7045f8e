"""The state of an execution as clients see it."""

from attrs import frozen

from interpreterd.model.events import Failure


@frozen(kw_only=True)
class ExecutionInfo:
    """An execution at one moment. Times are in seconds since the epoch.

    Attributes:
        state: ``queued``, ``running``, or how it ended: ``completed``, ``interrupted``, ``lost``, ``cancelled``.
        code_sha256: Of its code as UTF-8, in hexadecimal digits.
        first_line: The first line of its code that is not blank, or the beginning of that line.
        origin: The client's name for itself.
        stdout_chars: How many characters were written so far.
        first_event: The number of the oldest event that the journal still has.
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
