"""What a look at the namespace has found, as the contents of replies."""

from typing import Any, Final

from interpreterd.dialects.jupyter.inspection import inspect_content
from interpreterd.model.errors import InterpreterError
from interpreterd.model.events import Finished
from interpreterd.model.execution_errors import LookFailed
from interpreterd.model.looks import Comms, Completeness, Completions, History, Inspection, Task

_SESSION: Final = 1  # the number of the one session that the history has


def found_content(task: Task, end: Finished) -> dict[str, Any]:
    """Return the content of the reply to the look of ``task``, also if that has failed."""
    match end.found:
        case Completions() as found:
            types = [
                {"start": found.cursor_start, "end": found.cursor_end, "text": text, "type": kind}
                for text, kind in zip(found.matches, found.types, strict=False)
            ]
            return {
                "status": "ok",
                "matches": list(found.matches),
                "cursor_start": found.cursor_start,
                "cursor_end": found.cursor_end,
                "metadata": {"_jupyter_types_experimental": types},
            }
        case Inspection() as found:
            return inspect_content(found)
        case Completeness() as found:
            more = {"indent": found.indent} if found.status == "incomplete" else {}
            return {"status": found.status, **more}
        case History() as found:
            output = task.history.output
            cells = [(_SESSION, it.number, (it.source, it.output) if output else it.source) for it in found.cells]
            return {"status": "ok", "history": cells}
        case Comms() as found:
            return {"status": "ok", "comms": {it.comm_id: {"target_name": it.target} for it in found.comms}}
        case _:
            pass
    if end.cause is not None:
        return refusal_content(end.cause)
    error = end.error
    return refusal_content(LookFailed("its code has ended Python" if error is None else f"{error.name}: {error.value}"))


def refusal_content(error: InterpreterError) -> dict[str, Any]:
    """Return the content of a reply that tells of an error of the request or of the daemon."""
    return {"status": "error", "ename": type(error).__name__, "evalue": str(error), "traceback": [str(error)]}
