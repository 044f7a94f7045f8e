"""How an execution will have ended: the machine's judgement, weighed against the worker's report."""

from typing import Final

import attrs
from attrs import frozen

from interpreterd.model.errors import (
    ExecutionInterrupted,
    ExecutionTimedOut,
    InterpreterError,
    LimitExceeded,
)
from interpreterd.model.events import Failure, Outcome
from interpreterd.model.execution_errors import EarlierFailed
from interpreterd.model.looks import Found

CONTEXT_ERROR: Final = "ContextError"


@frozen
class Verdict:
    """How the running execution will have ended, once it has."""

    outcome: Outcome
    error: Failure | None = None
    cause: InterpreterError | None = None
    replaceable: bool = False  # by the worker's own report
    found: Found | None = None


def timed_out(timeout_s: float | None) -> Verdict:
    cause = ExecutionTimedOut(f"execution timed out after {timeout_s} s")
    return Verdict(Outcome.INTERRUPTED, Failure(name="TimeoutError", value=str(cause)), cause)


def exceeded(what: str) -> Verdict:
    return Verdict(Outcome.INTERRUPTED, Failure(name="LimitExceeded", value=what), LimitExceeded(what))


def interrupted() -> Verdict:
    failure = Failure(name="KeyboardInterrupt", value="")
    return Verdict(Outcome.INTERRUPTED, failure, ExecutionInterrupted("interrupted by a client"), replaceable=True)


def cancelled() -> Verdict:
    """The verdict on an execution that waited."""
    verdict = interrupted()
    return Verdict(Outcome.CANCELLED, verdict.error, verdict.cause)


def stopped() -> Verdict:
    """The verdict on an execution that waited when one before it has failed."""
    cause = EarlierFailed()
    return Verdict(Outcome.CANCELLED, Failure(name=CONTEXT_ERROR, value=str(cause)), cause)


def ended_with_context(outcome: Outcome, cause: InterpreterError) -> Verdict:
    return Verdict(outcome, Failure(name=CONTEXT_ERROR, value=str(cause)), cause)


def lost(how: str) -> Verdict:
    return Verdict(Outcome.LOST, Failure(name="WorkerDied", value=how))


def judge(verdict: Verdict, error: Failure | None) -> Verdict:
    """Weigh a sent interrupt against the worker's report of the execution's end."""
    interrupted = error is not None and error.name == "KeyboardInterrupt"
    if verdict.replaceable and not interrupted:
        return Verdict(Outcome.COMPLETED, error)  # it had ended before the interrupt came
    if verdict.replaceable:
        return Verdict(verdict.outcome, error, verdict.cause)
    assert verdict.error is not None
    if error is None:
        return Verdict(verdict.outcome, verdict.error, verdict.cause)
    shown = attrs.evolve(error, name=verdict.error.name, value=verdict.error.value)
    return Verdict(verdict.outcome, shown, verdict.cause)


def died(verdict: Verdict | None, how: str) -> Verdict:
    """Return the verdict on the running execution after the worker's end."""
    if verdict is None:
        return lost(how)
    if verdict.outcome is Outcome.INTERRUPTED and verdict.error is not None:
        value = f"{verdict.error.value or 'interrupted'}; its worker was {how}, and its variables are lost"
        return Verdict(verdict.outcome, Failure(name=verdict.error.name, value=value), verdict.cause)
    return verdict
