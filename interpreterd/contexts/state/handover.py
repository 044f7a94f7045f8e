"""Persistent contexts go from a daemon to the one that replaces it: each as soon as nothing runs in it.

Both use the same state directory for a while. The former daemon archives a context, ends it, and then says on disk that
it has done so. The new one offers those contexts, and the rest when the former daemon has ended; until then it knows
only that they are somewhere else, so that it makes none of them anew.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final

from interpreterd.contexts.state.recording import Recording, name_of
from interpreterd.contexts.state.records import ContextRecord
from interpreterd.machine.states import State
from interpreterd.model.errors import InterpreterError

if TYPE_CHECKING:
    from interpreterd.contexts.context import Context
    from interpreterd.contexts.manager import Manager

SHORTEST_LOOK_S: Final = 0.1  # between two looks at what has come to rest, or was handed over
LONGEST_LOOK_S: Final = 2.0  # the same while nothing happens
AT_A_TIME: Final = 8  # contexts that are archived at the same time
_log = logging.getLogger(__name__)


async def leave_to_successor(manager: "Manager", recording: Recording) -> None:
    """Hand all persistent contexts over; return when there are none left. Those that are busy come last."""
    pause_s = SHORTEST_LOOK_S
    while left := [it for it in manager.list(with_default=True) if it.kept is not None and it.kept.persistent]:
        places = asyncio.Semaphore(AT_A_TIME)
        given = [it for it in await asyncio.gather(*(_ended(manager, context, places) for context in left)) if it]
        if given:
            try:
                await recording.hand_over(given)
                _log.info("%d persistent contexts are the new daemon's now", len(given))
            except InterpreterError as error:
                _log.warning("the new daemon gets %d contexts only when this one has ended: %s", len(given), error)
        pause_s = SHORTEST_LOOK_S if given else min(2 * pause_s, LONGEST_LOOK_S)
        if len(given) < len(left):
            await asyncio.sleep(pause_s)


async def _ended(manager: "Manager", context: "Context", places: asyncio.Semaphore) -> str | None:
    """Archive a context and end it; return its id, or None if it is busy."""
    assert context.kept is not None
    async with places:
        if _is_busy(context):
            return None
        try:
            await context.kept.archive()
        except InterpreterError as error:
            _log.warning("context %s is handed over as it was before: %s", context.id, error)
        if _is_busy(context) or not await manager.release(context):
            return None
        return context.id


def _is_busy(context: "Context") -> bool:
    return context.has_work or context.worker_state not in (State.IDLE, State.EMPTY)


class Takeover:
    """The contexts that are still in the former daemon."""

    def __init__(self, recording: Recording, offer: Callable[[Sequence[ContextRecord]], Awaitable[object]]) -> None:
        """Give ``offer`` the records of those that this daemon has now."""
        self._recording = recording
        self._offer = offer
        self._elsewhere: set[str] = set()

    def has(self, context_id: str) -> bool:
        """Whether the former daemon still has the context."""
        return name_of(context_id) in self._elsewhere

    async def begin(self) -> None:
        """Know which contexts there are. Raises ``InterpreterError``."""
        self._elsewhere = await self._recording.names()

    async def follow(self) -> None:
        """Offer each context when the former daemon hands it over; return when that one has ended."""
        pause_s = SHORTEST_LOOK_S
        while True:
            is_alone = self._recording.is_owner
            try:
                names, records = await self._recording.handed()
                if is_alone:
                    records = [it for it in await self._recording.read() if name_of(it.id) in self._elsewhere | names]
                    names = self._elsewhere | names
            except InterpreterError as error:
                _log.warning("contexts of the former daemon cannot be read yet: %s", error)
                names, records, is_alone = set(), [], False
            await self._offer(records)
            self._elsewhere -= names
            if is_alone:
                return
            pause_s = SHORTEST_LOOK_S if names else min(2 * pause_s, LONGEST_LOOK_S)
            await asyncio.sleep(pause_s)
