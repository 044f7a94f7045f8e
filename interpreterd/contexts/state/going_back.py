"""Taking checkpoints of a context, and going back to them."""

import asyncio
import logging
import time
from collections.abc import Callable

from interpreterd.background import supervised
from interpreterd.contexts.context import Context
from interpreterd.contexts.state.checkpoints import Checkpoints
from interpreterd.contexts.state.keeper import Checkpointed
from interpreterd.contexts.state.parked import Parked
from interpreterd.machine.states import State
from interpreterd.model.checkpoints import CheckpointInfo, RestoreInfo
from interpreterd.model.restored import Restored
from interpreterd.model.state_errors import CheckpointNotFound, CheckpointsFull, NothingToUndo, OperationFailed
from interpreterd.monitoring.states import tell_checkpoint, tell_restore
from interpreterd.workers.worker import Worker

_log = logging.getLogger(__name__)


async def keep(context: Context, checkpoints: Checkpoints, name: str) -> CheckpointInfo:
    """Take a checkpoint in turn with executions, and return it.

    Raises:
        CheckpointExists, CheckpointsFull, LimitReached, OperationFailed, WorkerStartFailed
    """
    checkpoints.check(name)

    async def take(worker: Worker) -> tuple[Parked, float]:
        began = time.monotonic()
        parked = await checkpoints.take(worker, count=context.transcript.count, name=name)
        return parked, time.monotonic() - began

    parked, seconds = await context.operate(take, lambda taken: taken[0].drop("deleted"))
    context.transcript.note_use()
    await checkpoints.admit(parked)
    _tell(context, parked, seconds)
    return parked.info()


async def keep_before(
    execution_id: str, context: Checkpointed, checkpoints: Checkpoints, worker: Worker, tasks: asyncio.TaskGroup
) -> None:
    """Take an automatic checkpoint for the execution of this id, which comes next; measure it later, in ``tasks``.

    Raises:
        CheckpointsFull, OperationFailed
    """
    began = time.monotonic()
    parked = await checkpoints.take(worker, count=context.transcript.count, automatic=True)
    seconds = time.monotonic() - began
    checkpoints.precede(execution_id, parked)

    async def admit() -> None:
        try:
            await checkpoints.admit(parked)
        except (CheckpointsFull, OperationFailed) as error:
            _log.warning("context %s: its checkpoint is not kept: %s", context.id, error)
        _tell(context, parked, seconds)

    supervised(tasks, admit(), _log, "context %s: its checkpoint could not be measured", context.id)


async def go_back(
    context: Context, checkpoints: Checkpoints, choose: Callable[[], Parked], *, undo: bool = False
) -> RestoreInfo:
    """Let ``context`` be what it was at the checkpoint that ``choose`` returns when it is its turn.

    Raises:
        CheckpointNotFound, NothingToUndo: By ``choose``.
        LimitReached, OperationFailed, WorkerStartFailed: It is as it was.
    """

    tried: list[Worker] = []

    async def restore(worker: Worker) -> Parked:
        tried.append(worker)
        began = time.monotonic()
        parked = choose()
        try:
            copy = await checkpoints.copy(parked)
        except CheckpointNotFound:
            if undo:
                raise NothingToUndo("the checkpoint before the last execution has just ended") from None
            raise
        context.replace_worker(copy)
        checkpoints.timeline.steps = parked.steps
        if context.kept is not None:
            context.kept.touch()
        context.transcript.tell(Restored(checkpoint_id=parked.id, checkpoint_name=parked.name))
        seconds = time.monotonic() - began
        tell_restore(context.id, context.account.tenant, checkpoint_id=parked.id, undo=undo, seconds=seconds)
        return parked

    try:
        parked = await context.operate(restore)
    except OperationFailed:
        former = tried[0] if tried else None
        if former is None or (context.slot.worker is former and context.worker_state is not State.ENDING):
            raise
        parked = await context.operate(restore)  # the worker has ended meanwhile, and nothing of it is needed
    context.transcript.note_use()
    return RestoreInfo(context=context.info(), checkpoint=parked.info())


def _tell(context: Checkpointed, parked: Parked, seconds: float) -> None:
    tell_checkpoint(
        context.id,
        context.account.tenant,
        checkpoint_id=parked.id,
        automatic=parked.automatic,
        size_bytes=parked.private_bytes or 0,
        seconds=seconds,
    )
