"""Errors of executions that few parts of the daemon know; ``errors`` has the tree of all errors."""

from interpreterd.model.errors import ExecutionInterrupted, InterpreterError


class CallNotFound(InterpreterError):
    """The execution has made no call of this id."""

    code = "call_not_found"

    def __init__(self, call_id: str) -> None:
        super().__init__(f"call not found: {call_id}")


class LookFailed(InterpreterError):
    """Code that was called by a look at the namespace has raised, or has ended the context's Python; says how."""

    code = "look_failed"


class EarlierFailed(ExecutionInterrupted):
    """An execution with ``stop_on_error`` has ended with an exception, while this one of the same origin waited."""

    code = "earlier_failed"

    def __init__(self) -> None:
        super().__init__("an earlier execution of the same origin has ended with an exception")
