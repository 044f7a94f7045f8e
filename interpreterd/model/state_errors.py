"""Errors of forks, checkpoints and archives; ``errors`` has the tree of all errors."""

from collections.abc import Sequence

from interpreterd.model.errors import InterpreterError, InvalidRequest, ServerShuttingDown
from interpreterd.model.forks import Lost


class OperationFailed(InterpreterError):
    """A context's worker could not be forked, archived or replaced; says why. The context goes on."""

    code = "operation_failed"


class NotForkable(OperationFailed):
    """The isolation of a context does not allow copies of it, or no more of them; says why."""

    code = "not_forkable"


class OutOfStep(OperationFailed):
    """The worker did not do what was asked of it, and it is not known what it does: it has to be killed."""


class NotCarried(InterpreterError):
    """A ``strict`` fork would lose something.

    Attributes:
        lost: What it would lose.
    """

    code = "not_carried"

    def __init__(self, lost: Sequence[Lost]) -> None:
        named = ", ".join(f"{it.kind} {it.name}".strip() for it in lost[:5])
        super().__init__(f"strict: a fork cannot carry {named}" + (" and more" if len(lost) > 5 else ""))
        self.lost = lost


class CheckpointNotFound(InterpreterError):
    """The context has no checkpoint of this id or name, or no longer."""

    code = "checkpoint_not_found"

    def __init__(self, checkpoint: str) -> None:
        super().__init__(f"checkpoint not found: {checkpoint}")


class CheckpointExists(InterpreterError):
    """The context has a checkpoint of this name."""

    code = "checkpoint_exists"

    def __init__(self, name: str) -> None:
        super().__init__(f"the context has a checkpoint {name}: delete it, or choose another name")


class CheckpointsFull(InterpreterError):
    """No further checkpoint can be kept, and none gives way; names the limit."""

    code = "checkpoints_full"


class NothingToUndo(InterpreterError):
    """There is no checkpoint of just before the last execution; says why."""

    code = "nothing_to_undo"


class NoStateDirectory(InterpreterError):
    """The daemon keeps nothing on disk."""

    code = "no_state_directory"

    def __init__(self) -> None:
        super().__init__("this daemon keeps nothing on disk: it has been started without --state-dir")


class ArchiveNotFound(InterpreterError):
    """No archive has this id or name."""

    code = "archive_not_found"

    def __init__(self, archive: str) -> None:
        super().__init__(f"archive not found: {archive}")


class ArchiveRefused(InvalidRequest):
    """An archive that is corrupt, foreign, or of another Python; says which."""

    code = "archive_refused"


class ArchiveExists(InterpreterError):
    """There is another archive with this id."""

    code = "archive_exists"

    def __init__(self, archive_id: str) -> None:
        super().__init__(f"there is another archive with this id: {archive_id}")


class ContextMoving(ServerShuttingDown):
    """The context is still in the daemon that this one replaces, and soon in this one."""

    code = "context_moving"

    def __init__(self, context_id: str) -> None:
        super().__init__(f"context is still in use by the daemon that this one replaces, try again soon: {context_id}")


class NotSavedWhole(InterpreterError):
    """The context cannot hibernate, as something of it would be lost.

    Attributes:
        skipped: The names and the reasons.
    """

    code = "not_saved_whole"

    def __init__(self, skipped: Sequence[tuple[str, str]]) -> None:
        named = ", ".join(f"{name} ({reason})" for name, reason in skipped[:5])
        super().__init__("the context cannot hibernate: it would lose " + named + (" …" if len(skipped) > 5 else ""))
        self.skipped = skipped
