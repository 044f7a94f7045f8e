"""Calls of host functions, from any number of threads and coroutines, and questions of ``stdin`` among them."""

import os
from time import sleep

from worker.channel import encode
from worker.sharing import Shared, Waiter

OUTSTANDING_LIMIT = 64
MESSAGE_LIMIT_BYTES = (1 << 20) - 4096  # the daemon's, for a line of the channel
LIGHT_BYTES = 64 << 10
WEIGHT_LIMIT = 512 << 10  # of a long message: the time of reading it depends on its elements
DROPPED_S = 0.002  # how long a dropped call delays the next one: the daemon kills a worker that drops 1000 a second
CLOSED = {"type": "closed"}
CANCELLED = {"type": "cancelled"}
_QUESTION = None  # the number of what a question waits for


class Calls(Shared):
    """The calls of one execution. Its functions, and code that keeps them, may call for longer than that.

    Until ``close`` it is also the channel of ``stdin``, whose questions go the same way.
    """

    def __init__(self, channel, execution_id):
        super().__init__(channel)
        self._id = execution_id
        self._number = 0
        self._answers = []  # to questions
        self._dropped = 0
        self._over = False  # the execution is to end: no call has an answer any more

    def call(self, name, texts):
        """Call a host function from a thread; return the daemon's message about its end."""
        self._check(name)
        waiter = Waiter()
        try:
            self.alone(self._begin, waiter, name, texts)
            self.wait(waiter)
        except BaseException:
            self.alone(self._give_up, waiter)
            raise
        if waiter.answer["type"] == "cancelled":
            raise KeyboardInterrupt
        return waiter.answer

    async def call_async(self, name, texts):
        """Call a host function from a coroutine; return the daemon's message about its end."""
        import asyncio

        self._check(name)
        loop = asyncio.get_running_loop()
        waiter = Waiter(loop.create_future(), loop)
        try:
            self.alone(self._begin, waiter, name, texts)
            self.watch(loop)
            try:
                await waiter.future
            finally:
                self.unwatch(loop)
        except BaseException:
            self.alone(self._give_up, waiter)
            raise
        if waiter.answer["type"] == "cancelled":
            raise asyncio.CancelledError
        return waiter.answer

    def send(self, message):
        """Send a question; see ``Channel``."""
        self.alone(self.channel.send, message)

    def receive(self, raises=True):
        """Return the next answer to a question; only the main thread asks."""
        while not self._answers:
            waiter = Waiter()
            try:
                self.alone(self._ask, waiter)
                self.wait(waiter)
            finally:
                self.alone(self._give_up, waiter)
            if waiter.answer["type"] == "cancelled":
                raise KeyboardInterrupt
        return self._answers.pop(0)

    def take(self, message):
        """Take a message of the daemon."""
        kind = message["type"]
        if kind == "answer":
            self._answers.append(message)
            if _QUESTION in self.waiters:
                self.waiters.pop(_QUESTION).settle(message)
        elif kind in ("returned", "raised", "cancelled"):
            self._over |= kind == "cancelled"
            waiter = self.waiters.pop(message["number"], None)
            if waiter is not None:  # otherwise it was dropped
                waiter.settle(message)
        elif kind == "exit":  # the worker is to end, and so is the execution
            self.channel.unread(message)
            self.last = self._over = True
            self.settle_all(CANCELLED)

    def _check(self, name):
        """Raise RuntimeError where no step can be made: in a child, another thread may hold the lock for ever."""
        if os.getpid() != self.pid:
            raise RuntimeError(f"{name}() cannot be called in a subprocess, only in the context's own process")

    def _begin(self, waiter, name, texts):
        """Send a call, whose answer is for ``waiter``."""
        if self.closed:
            raise RuntimeError(f"{name}() belonged to an earlier execution, which has ended")
        if self._over:
            waiter.settle(CANCELLED)
            return
        if len(self.waiters) - (_QUESTION in self.waiters) >= OUTSTANDING_LIMIT:
            raise RuntimeError(f"{name}() cannot be called: {OUTSTANDING_LIMIT} calls wait for their answers already")
        number = self._number + 1
        line = self._line(number, name, *texts)
        if len(line) > MESSAGE_LIMIT_BYTES:
            raise ValueError(f"{name}() cannot take {len(line)} bytes of JSON: the limit is {MESSAGE_LIMIT_BYTES}")
        if len(line) > LIGHT_BYTES and _weight(line) > WEIGHT_LIMIT:
            raise ValueError(f"{name}() cannot take so many small values; make one text of them, by json.dumps()")
        while self._dropped:
            self._dropped -= 1
            sleep(DROPPED_S)
        self.channel.write(line)
        self._number = waiter.number = number
        self.waiters[number] = waiter
        if waiter.lock is not None:
            self.lead(waiter)

    def _line(self, number, name, args, kwargs):
        head = f'{{"type":"called","id":"{self._id}","number":{number},"name":{encode(name)}'
        return f'{head},"args":{args},"kwargs":{kwargs}}}\n'.encode()

    def _ask(self, waiter):
        if self._answers:
            waiter.settle(CLOSED)
        elif self._over:
            waiter.settle(CANCELLED)
        else:
            self.waiters[_QUESTION] = waiter

    def _give_up(self, waiter):
        """Its code waits no more: it was interrupted, or has its answer."""
        if self.pid == os.getpid() and self.waiters.get(waiter.number) is waiter:
            del self.waiters[waiter.number]
            if waiter.number is not _QUESTION and not self.closed:
                self.channel.send({"type": "dropped", "id": self._id, "number": waiter.number})
                self._dropped += 1
        self.pass_on(waiter)


def _weight(line):
    return line.count(b",") + line.count(b'"') + 2 * (line.count(b"{") + line.count(b"["))
