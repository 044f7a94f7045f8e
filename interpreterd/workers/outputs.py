"""The output of one worker: text and bundles from its three pipes, in the order in which they were written."""

import asyncio
import functools
import select
from collections.abc import Callable
from typing import Final

from interpreterd.model.errors import ProtocolError
from interpreterd.model.events import Stream
from interpreterd.pipe.bundles import BundleDecoder
from interpreterd.pipe.decoders import TextDecoder
from interpreterd.pipe.turns import DISPLAY, Turns
from interpreterd.workers.pipes import LOOK_BYTES, PIPE_LIMIT_BYTES, READ_BYTES, Ends, OutputPipe
from interpreterd.workers.worker import Deaf, Listener

LOOKS_LIMIT: Final = 64
DELIVERY_STEPS_LIMIT: Final = 256  # mostly of some 10 us


class Outputs:
    """The output pipes of a worker: what was written, in the order in which it was written, as far as that is known."""

    def __init__(self, ends: Ends, listener: Callable[[], Listener], on_broken: Callable[[str], None]) -> None:
        """Give each piece of text, and each bundle of the display pipe, to the ``listener`` of that moment.

        If the display pipe's bytes are not bundles, ``on_broken`` is called once, with the reason.
        """
        self._listener = listener
        self._on_broken = on_broken
        self._turns = Turns(self._decode)
        self._text = {stream: TextDecoder() for stream in Stream}
        self._bundles = BundleDecoder()
        missing = self._turns.missing_bytes
        self._display = OutputPipe(
            ends.display_fd,
            functools.partial(self._arrived, DISPLAY),
            missing,
            hurries=lambda: self._bundles.incomplete,
        )
        self._pipes = {DISPLAY: self._display} | {
            stream: OutputPipe(fd, functools.partial(self._arrived, stream), missing, before=self._read_display)
            for stream, fd in ((Stream.STDOUT, ends.stdout_fd), (Stream.STDERR, ends.stderr_fd))
        }
        self._wanted = False
        self._rest: asyncio.Handle | None = None  # set while more has been read than was delivered
        self._unread = select.poll()  # one call for all, as mostly none has data; may say yes in error, not no
        for fd in ends.pipes:
            self._unread.register(fd, select.POLLIN)

    def use_marks(self, secret: str) -> None:
        """See ``Turns.use``."""
        self._turns.use(secret)

    def resume(self) -> None:
        self._wanted = True
        if self._rest is None:
            for pipe in self._pipes.values():
                pipe.resume()

    def pause(self) -> None:
        self._wanted = False
        for pipe in self._pipes.values():
            pipe.pause()

    def drain(self) -> bool:
        """Deliver the data that is in the pipes now; most data that is written meanwhile stays for later.

        Returns whether that was all: at most ``PIPE_LIMIT_BYTES`` of each pipe are read.
        """
        complete = self._drain() if self._rest is not None or self._unread.poll(0) else True
        for pipe in self._pipes.values():
            pipe.narrow()
        return complete

    def _drain(self) -> bool:
        complete = True
        for name, pipe in self._pipes.items():
            found = pipe.unread_bytes()
            complete &= found <= PIPE_LIMIT_BYTES
            if found:
                self._turns.add(name, pipe.read(min(found, PIPE_LIMIT_BYTES)))
        looks = iter(range(LOOKS_LIMIT))
        self._turns.deliver(lambda name: self._look(name) if next(looks, None) is not None else b"")
        return complete

    def _arrived(self, name: str, data: bytes) -> None:
        self._turns.add(name, data)
        if self._rest is None:
            self._go_on()

    def _read_display(self) -> None:
        """Take data of the display pipe before that of the others: see ``PIPES``."""
        if self._display.unread_bytes() and (data := self._display.read(READ_BYTES)):
            self._arrived(DISPLAY, data)

    def _go_on(self) -> None:
        """Deliver data that was read; if it is much, in several turns of the loop, and read on after that."""
        unfinished, self._rest = self._rest, None
        if not self._turns.deliver(self._look, DELIVERY_STEPS_LIMIT):
            self._rest = asyncio.get_running_loop().call_soon(self._go_on)
            for pipe in self._pipes.values():
                pipe.pause()
        elif unfinished is not None and self._wanted:
            self.resume()

    def _look(self, name: str) -> bytes:
        pipe = self._pipes[name]
        return pipe.read(LOOK_BYTES) if pipe.unread_bytes() else b""

    def _decode(self, name: str, data: bytes) -> None:
        if isinstance(name, Stream):
            for text, replaced in self._text[name].feed(data):
                self._listener().on_output(name, text, replaced)
            return
        try:
            for bundle in self._bundles.feed(data):
                self._listener().on_display(bundle)
        except ProtocolError as error:
            on_broken, self._on_broken = self._on_broken, _ignore
            on_broken(str(error))

    def end_text(self) -> None:
        """Deliver the rest of a character that was cut in the middle."""
        for stream, decoder in self._text.items():
            for text, replaced in decoder.end():
                self._listener().on_output(stream, text, replaced)

    def close(self) -> None:
        """Read no more, and drop all references."""
        if self._rest is not None:
            self._rest.cancel()
        for pipe in self._pipes.values():
            pipe.close()
        self._pipes.clear()
        self._text.clear()
        self._turns = Turns(_ignore)
        self._bundles = BundleDecoder()
        self._listener = Deaf
        self._on_broken = _ignore


def _ignore(*_: object) -> None: ...
