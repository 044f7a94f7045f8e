"""The half of a context that listens to its worker: what the worker does becomes inputs of the machine, and events."""

import logging
from typing import TYPE_CHECKING, Protocol

from interpreterd.contexts.slot import Slot
from interpreterd.contexts.transcript import Transcript
from interpreterd.machine import inputs
from interpreterd.machine.machine import Machine
from interpreterd.model.events import Stream
from interpreterd.pipe.bundles import Bundle
from interpreterd.pipe.messages import FromWorker

if TYPE_CHECKING:
    from interpreterd.contexts.state.hibernation import Hibernation


class Listening(Protocol):
    """Implements ``Listener``, for ``Context``, which has these parts."""

    id: str
    _log: "logging.LoggerAdapter[logging.Logger]"
    _machine: Machine
    _slot: Slot
    _transcript: Transcript
    kept: "Hibernation | None"

    def _feed(self, event: inputs.Input) -> None: ...
    def note_exit(self, how: str) -> None: ...

    def on_message(self, message: FromWorker) -> None:
        """See ``Listener``."""
        self._feed(inputs.Received(message))

    def on_output(self, stream: Stream, text: str, replaced: int = 0) -> None:
        """See ``Listener``."""
        self._transcript.write(stream, text, replaced)

    def on_display(self, bundle: Bundle) -> None:
        """See ``Listener``."""
        self._transcript.show(bundle)

    def on_closed(self) -> None:
        """See ``Listener``. If nothing runs, the next execution does not wait for the worker's end."""
        if self._machine.running_id is None:
            self._feed(inputs.Broken("it closed its channel"))

    def on_broken(self, reason: str) -> None:
        """See ``Listener``."""
        self._log.warning("context %s: the worker broke the protocol: %s", self.id, reason)
        self._feed(inputs.Broken(reason))

    def on_exit(self, how: str) -> None:
        """See ``Listener``."""
        how = self._slot.leave(how)
        if self.kept is None:
            self._transcript.end_worker(how)
        else:
            self.note_exit(how)
        self._feed(inputs.Exited(how))
