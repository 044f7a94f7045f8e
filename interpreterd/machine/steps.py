"""What the machine remembers, and the steps that its actions are made of. Each collects effects."""

from collections import deque
from typing import Final

from interpreterd.machine import moves
from interpreterd.machine import verdicts as verdicts
from interpreterd.machine.table import State
from interpreterd.machine.verdicts import Verdict
from interpreterd.model.errors import InterpreterError
from interpreterd.model.events import Outcome
from interpreterd.pipe.messages import Asked, Done, Exiting, Run, Synced

END_LIMIT_S: Final = 1.0  # for exit handlers, buffered files and helpers, when a context ends or gets a new worker
DEATH_LIMIT_S: Final = 1.0  # from SIGKILL to the end: longer takes only what the kernel, or a tracer, holds fast
_LAST_WORDS = 2  # of a worker that is told to end while it runs something: a question, how the execution ended


class Steps:
    """The state of a machine, and what may be done with it."""

    def __init__(self, *, queue_limit: int, grace_s: float) -> None:
        """Limit the queue to ``queue_limit`` executions, beyond the one that runs; wait ``grace_s`` before force."""
        self.state = State.EMPTY
        self._queue_limit = queue_limit
        self._grace_s = grace_s
        self._queue: deque[moves.Submit] = deque()
        self._current: moves.Submit | None = None
        self._verdict: Verdict | None = None
        self._workers_before = 0
        self._restarted = False
        self._restart_asked = False
        self._asked: int | None = None  # the number of what it waits for
        self._given_up = 0  # questions, since the timer of that name was set
        self._input_ended = False
        self._late = 0
        self._used = False  # the worker has run something
        self._killed = False
        self._last_words = 0  # how many more messages a worker that is told to end may send
        self._effects: list[moves.Effect] = []

    @property
    def running_id(self) -> str | None:
        """The id of the execution that runs."""
        return self._current.execution_id if self._current else None

    @property
    def grace_s(self) -> float:
        """How long the execution that runs may take to end after an interrupt."""
        own = None if self._current is None else self._current.request.grace_s
        return self._grace_s if own is None else own

    def _do(self, *effects: moves.Effect) -> None:
        self._effects.extend(effects)

    def _finish(self, verdict: Verdict) -> None:
        """End the execution that runs, if there is one."""
        if self._current is not None:
            self._do(moves.ClearTimer("timeout"))
            if self._given_up:
                self._do(moves.ClearTimer("given up"))
            self._say_end(self._current, verdict)
        self._current = self._verdict = self._asked = None

    def _say_end(self, execution: moves.Submit, verdict: Verdict) -> None:
        self._do(moves.Finish(execution.execution_id, verdict.outcome, verdict.error, verdict.cause))

    def _start_worker(self) -> None:
        self._restarted = self._workers_before > 0
        self._restart_asked = False
        self._do(moves.StartWorker())
        self.state = State.STARTING

    def _next(self) -> None:
        """Run the next execution of the queue, on a worker that waits."""
        if not self._queue:
            self.state = State.IDLE
            return
        self._current = execution = self._queue.popleft()
        self._given_up = self._late = 0
        self._input_ended = False
        request = execution.request
        run = Run.of(execution.execution_id, request)
        self._do(moves.Begin(execution.execution_id, self._restarted), moves.Send(run))
        if request.timeout_s is not None:
            self._do(moves.SetTimer("timeout", request.timeout_s))
        self._restarted = False
        self._used = True
        self.state = State.RUNNING

    def _end(self, verdict: Verdict) -> None:
        """Have the worker end by itself; ``verdict`` is as for ``_kill``. One that has run nothing is killed."""
        if not self._used:
            self._kill(verdict)
            return
        self._verdict = verdict
        self._do(moves.ClearTimer("timeout"))
        self._ask_to_end()
        self.state = State.ENDING

    def _ask_to_end(self) -> None:
        self._last_words = 0 if self.state is State.IDLE else _LAST_WORDS
        self._do(moves.ClearTimer("grace"), moves.End(interrupt=self.state is State.RUNNING))
        self._do(moves.SetTimer("grace", END_LIMIT_S))

    def _kill(self, verdict: Verdict) -> None:
        """Kill the worker; ``verdict`` is what its exit will mean for the execution that runs."""
        self._verdict = verdict
        self._do(moves.ClearTimer("timeout"))
        self._force()
        self.state = State.ENDING

    def _force(self) -> None:
        """Kill the worker. Once more, if it is not gone; but that does not make its time to die longer."""
        if self._killed:
            self._do(moves.Kill())
        else:
            self._killed = True
            self._do(moves.ClearTimer("grace"), moves.Kill(), moves.SetTimer("grace", DEATH_LIMIT_S))

    def _violated(self, what: str) -> None:
        self._kill(verdicts.lost(f"killed: it broke the protocol ({what})"))

    def _cancel_queue(self, cause: InterpreterError) -> None:
        for queued in self._queue:
            self._say_end(queued, verdicts.ended_with_context(Outcome.CANCELLED, cause))
        self._queue.clear()

    def _is_last_word(self, event: moves.Received) -> bool:
        self._last_words -= 1
        return self._last_words >= 0 and isinstance(event.message, Asked | Done | Exiting | Synced)
