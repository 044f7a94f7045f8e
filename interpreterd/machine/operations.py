"""The machine's part in operations: work on the worker between executions, and checkpoints before an execution."""

from collections import deque

from interpreterd.machine import inputs, verdicts
from interpreterd.machine.calls import CallSteps
from interpreterd.model.state_errors import OperationFailed


class OperationSteps(CallSteps):
    """The actions for operations. ``Steps`` has their memory."""

    def on_operate_idle(self, event: inputs.Operate) -> None:
        """An execution may wait for its turn; then the operation waits behind it."""
        self.queue.append(event)
        self.operate_next()

    def operate_next(self) -> None:
        """Begin an operation that is the first in the queue, or precedes the first; an execution waits for its turn."""
        if not self.queue:
            return
        first = self.queue[0]
        if isinstance(first, inputs.Operate) or (first.request.checkpoint and first is not self.ready):
            self.run_next()

    def on_operated(self, event: inputs.Operated) -> None:
        preceded, self.operating, self.preceded = self.preceded, None, None
        if event.failure is None:
            self.ready = preceded
        else:
            self.skip(preceded, event.failure)
        self.run_next()

    def on_hibernate(self, event: inputs.Hibernate) -> None:
        """Without exit handlers: what they would undo is still in use."""
        self.operating = None
        self.kill(verdicts.lost("killed: the context hibernates"))

    def on_replaced(self, event: inputs.Replaced) -> None:
        self.restarted = False

    def on_cancel_operation(self, event: inputs.CancelOperation) -> None:
        """It is not told: it knows."""
        self.queue = deque(it for it in self.queue if it != inputs.Operate(event.operation_id))

    def on_broken_operating(self, event: inputs.Broken) -> None:
        self.fail_operation(OperationFailed(f"the context's worker broke the protocol: {event.reason}"))
        self.violated(event.reason)

    def on_received_operating(self, event: inputs.Received) -> None:
        """The operation hears what is meant for it; this comes when it does not listen."""
        self.on_broken_operating(inputs.Broken(f"unexpected {type(event.message).__name__}"))

    def on_exceeded_operating(self, event: inputs.Exceeded) -> None:
        if event.kill:
            self.fail_operation(OperationFailed(f"the context's worker was killed: {event.what}"))
            self.kill(verdicts.lost(event.what))
