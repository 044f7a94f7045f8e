"""One worker process: its channel, its output pipes, its end.

    daemon                          worker
    socketpair   <── NDJSON ──>     fds 0 and 1, at once moved away to private ones
    pipe         <── bytes ───      fd 1, stdout of all processes that user code starts
    pipe         <── bytes ───      fd 2, stderr
    pipe         <── bundles ─      a private fd: values, tables, pictures

All output that was written before a message comes before it. So before the daemon handles a message, it reads the
data that the pipes hold at that moment (FIONREAD), which is never more than a pipe's capacity.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
from functools import partial
from itertools import takewhile
from typing import Final

from interpreterd.model.errors import ProtocolError
from interpreterd.pipe import encoders, messages
from interpreterd.pipe.decoders import Decoder
from interpreterd.pipe.messages import Done, Exiting, FromWorker, Moved, Ready, ToWorker
from interpreterd.processes.families import killing
from interpreterd.processes.foreground import Interrupts
from interpreterd.processes.nursery import Nursery
from interpreterd.workers.answering import Answering
from interpreterd.workers.endings import expect_the_end, fail_if_it_stands_still, how_ended
from interpreterd.workers.moving import Heir, are_children
from interpreterd.workers.outbox import Outbox
from interpreterd.workers.outputs import Outputs
from interpreterd.workers.pipes import PIPE_LIMIT_BYTES, Ends, unread
from interpreterd.workers.worker import Deaf, Early, Listener, Reply

_log = logging.getLogger(__name__)
SET_FREE_AFTER_S: Final = 0.1  # mostly the worker is gone by then


class ProcessWorker(asyncio.Protocol):
    """A worker that is a process: a subprocess of the daemon, or one that a template has forked."""

    def __init__(self, pid: int, ends: Ends, nursery: Nursery) -> None:
        """Be the daemon's side of ``pid``; takes over ``ends``. ``open`` starts to listen."""
        self.pid = pid
        self._early = Early()
        self.listener: Listener = self._early
        self.exited: str | None = None
        self.broken: str | None = None
        self.configured: messages.Configure | None = None
        self.nursery = nursery
        self._channel: asyncio.Transport | None = None
        self._outbox: Outbox | None = None
        self._socket = ends.channel
        self._opening = False
        self._decoder = Decoder()
        self._killed = False
        self._may_move = self._is_first = False
        self.answering = Answering(self._break)
        self._outputs = Outputs(ends, lambda: self.listener, self._break)
        self._interrupts = Interrupts(pid, self._signal)

    def send(self, message: ToWorker) -> None:
        """See ``Worker``.

        Data that the worker does not read is kept, within the bounds of ``Outbox.takes``.
        """
        if self._outbox is None or self.exited is not None:
            return
        if isinstance(message, messages.Run):
            self._interrupts.begin_execution()
        elif isinstance(message, messages.Configure):
            self._may_move = message.moves
            self.answering.expect(message, self._socket, self._channel, self.data_received)
        if not self._outbox.takes(message):
            return
        if isinstance(message, messages.Exit):  # afterwards its files in /dev/shm cannot be seen
            self.nursery.note_remains(self.pid, partial(self._outbox.send, message))
        else:
            self._outbox.send(message)

    def interrupt(self, grace_s: float) -> None:
        """See ``Worker``."""
        self._interrupts.begin(grace_s)

    def _signal(self, number: signal.Signals) -> None:
        if self.exited is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """See ``Worker``."""
        if self.exited is None:
            self._killed = True
            self._send_no_more()
            steps = killing(self.pid, before=self.nursery.remains.noting(self.pid))
            # Once it is reaped, another process may get its pid.
            self.nursery.kill(takewhile(lambda _: self.exited is None, steps))
            asyncio.get_running_loop().call_later(SET_FREE_AFTER_S, self._set_free)

    def give_up(self, how: str) -> None:
        """See ``Worker``. The worker stays known, and is reaped if it ever ends."""
        if self.exited is None:
            _log.error("worker %d cannot be killed, and is given up: %s", self.pid, how)
            self._leave(how)

    def _set_free(self) -> None:
        """Kill a process that may hold it: one that has got away from its family, and traces it."""
        if self.exited is None:
            self.nursery.sweep_soon()

    def pause_output(self) -> None:
        """See ``Worker``."""
        self._outputs.pause()

    def resume_output(self) -> None:
        """See ``Worker``."""
        self._outputs.resume()

    def drain(self) -> None:
        """See ``Worker``."""
        self._outputs.drain()

    def end_text(self) -> None:
        """See ``Worker``."""
        self._outputs.end_text()

    def send_with_fds(self, message: ToWorker, fds: list[int]) -> None:
        """Send ``message`` together with descriptors (SCM_RIGHTS, unix(7)), before data that is not yet written.

        Raises OSError.
        """
        socket.send_fds(self._socket, [encoders.encode(message)], fds)

    async def open(self) -> None:
        """Start to listen."""
        loop = asyncio.get_running_loop()
        opening = loop.create_task(loop.create_unix_connection(lambda: self, sock=self._socket))
        opening.add_done_callback(self._opened)
        self._opening = True
        # Neither cancelled, nor the socket closed meanwhile: uvloop has the descriptor, and would use it although it is
        # closed, or belongs to something else (libuv aborts the process).
        await asyncio.shield(opening)
        self.resume_output()

    def _opened(self, opening: "asyncio.Task[tuple[asyncio.Transport, object]]") -> None:
        if opening.exception() is None:
            self._channel, _ = opening.result()
            self._outbox = Outbox(self._channel, partial(self._break, "it reads no answers to its calls"))
            if self.exited is not None:
                self._channel.abort()

    async def ready(self, timeout_s: float) -> None:
        """Start to listen, and wait until the worker says that it is ready; if it does not, kill it.

        Raises:
            WorkerStartFailed: It ended, stands still, said something else, or took longer than ``timeout_s``.
        """
        self.listener = reply = Reply(Ready, self._early.stderr)
        watching = asyncio.create_task(fail_if_it_stands_still(self.pid, reply.fail))
        try:
            if self.exited is None:
                await self.open()
            if self.exited is not None:  # it ended before this began to listen
                reply.on_exit(self.exited)
            await reply.wait(timeout_s)
        except BaseException:
            self.kill()
            raise
        finally:
            watching.cancel()
            self.listener = Deaf()

    # asyncio.Protocol, for the channel

    def data_received(self, data: bytes) -> None:
        """Take bytes of the channel."""
        if self._is_ignored():
            return
        try:
            while received := self._decoder.feed(data):
                for message in received:
                    if not self._outputs.drain():
                        self._break(f"it left more than {PIPE_LIMIT_BYTES} bytes in an output pipe")
                    if self._is_ignored():
                        return
                    self._notice(message)
                    if not isinstance(message, Moved):
                        self.listener.on_message(message)
                    if self._is_ignored():
                        return
                data = b""
        except ProtocolError as error:
            self.drain()
            self._break(str(error))

    def _notice(self, message: FromWorker) -> None:
        """Take the parts of a message that are not for the listener."""
        may_move, self._may_move = self._may_move, False
        self.answering.notice(message, self.pid)
        if isinstance(message, Moved):
            if may_move and are_children(self.pid, message.pid, message.first):
                self._move(message)
            else:
                self._break("it says that it has moved")
        elif isinstance(message, Ready) and message.mark is not None:
            self._outputs.use_marks(message.mark)
        elif isinstance(message, Done | Exiting):
            if isinstance(message, Exiting):
                self.nursery.note_remains(self.pid)
            self._interrupts.end_execution(children=isinstance(message, Done) and message.children)

    def _move(self, moved: Moved) -> None:
        """Be the daemon's side of ``moved.pid`` from now on, a child of the former worker."""
        self.nursery.add(moved.pid)
        Heir(moved.pid, self.pid, partial(self.process_exited, pid=moved.pid))
        self.answering.settle(moved.first, self.pid, self.nursery)
        self.pid, self._is_first = moved.pid, moved.first is None
        self._interrupts = Interrupts(self.pid, self._signal)
        self.send(messages.Leave())

    def _is_ignored(self) -> bool:
        """Return whether the worker's messages are ignored from now on."""
        return self._killed or self.broken is not None

    def eof_received(self) -> bool:
        """The worker closed its end: it can send nothing more, though it may live on."""
        self._expect_the_end()
        return True

    def connection_lost(self, error: Exception | None) -> None:
        """The worker closed its end before it had read all, or the transport was closed after its exit."""
        self._channel = None
        self._send_no_more()
        self._expect_the_end()

    def pause_writing(self) -> None:
        """The worker reads more slowly than the daemon writes."""
        if self._outbox is not None:
            self._outbox.pause()

    def resume_writing(self) -> None:
        """The worker has read most of it."""
        if self._outbox is not None:
            self._outbox.resume()

    def _send_no_more(self) -> None:
        if self._outbox is not None:
            self._outbox.close()
            self._outbox = None

    def _expect_the_end(self) -> None:
        if not self._is_over():
            self.listener.on_closed()
            expect_the_end(self.pid, self._is_over, partial(self._break, "it closed its channel"))

    def _is_over(self) -> bool:
        return self.exited is not None or self.broken is not None

    def _break(self, reason: str) -> None:
        if not self._is_ignored():
            self.broken = reason
            self.listener.on_broken(reason)

    def process_exited(self, returncode: int | None, pid: int | None = None) -> None:
        """Deliver the worker's last words, then its end; called once the process has been reaped.

        ``returncode`` is as ``subprocess`` has it, negative for a signal, or None if it is not known. ``pid`` may be a
        process from which the worker has moved away.
        """
        pid = self.pid if pid is None else pid
        self.nursery.remove(pid)
        if pid == self.pid and self.exited is None:
            self._leave(how_ended(returncode, is_first=self._is_first))

    def _leave(self, how: str) -> None:
        self._read_last_messages()
        complete = self._outputs.drain()
        self.exited = how + ("" if complete else "; the end of its output is lost")
        self.end_text()
        self._outputs.close()
        self.answering.close()
        self._interrupts.end()
        self._send_no_more()
        if self._channel is not None:
            self._channel.abort()
        elif not self._opening:
            self._socket.close()
        listener, self.listener = self.listener, Deaf()  # the listener may keep this object, too
        listener.on_exit(self.exited)

    def _read_last_messages(self) -> None:
        """Read the data that the channel holds, but not data that a surviving child goes on writing."""
        fd = self._socket.fileno()
        if self.broken is None and fd >= 0:  # otherwise its transport has closed it, because a write had failed
            with contextlib.suppress(OSError):
                for data in unread(fd):
                    self.data_received(data)
