"""A context in the care of one client, which knows what has befallen it, and so what may be true of its executions."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from typing import Any

from attrs import define
from harness import Client, Result
from sessions import Request

from benchmarks import proc
from soak.report import Phase

MISSING_S = 5.0  # how long a fault that hits workers as they start may show


@define
class Ended:
    """How an execution ended, whichever way it was asked for.

    Attributes:
        outcome: As ``sessions.Request.outcome``.
    """

    outcome: str
    restarted: bool
    stdout: str
    stderr: str

    @classmethod
    def of_request(cls, request: Request) -> "Ended":
        """Of an execution on a session."""
        return cls(request.outcome, request.restarted, "".join(request.stdout), "".join(request.stderr))

    @classmethod
    def of_result(cls, result: Result) -> "Ended":
        """Of an execution on a connection of its own. Raises ``AssertionError`` if it had two errors."""
        error = f" {result.error['name']}: {result.error['value']}" if result.error else ""
        ends = [text for text in result.controls if text != "restarted"]
        end = ends[-1] if ends else f"closed with {result.close_code}"
        if len(ends) > 1 or (ends and result.messages[-1].get("text") != end):
            end = f"ended more than once: {ends}"
        return cls(end + error, "restarted" in result.controls, result.stdout, result.stderr)


class Charge:
    """At most one context at a time.

    Attributes:
        id: The context's; None before ``create`` and after ``forget``.
        worker: The pid of its worker, as last heard of; 0 for none.
        n: What the variable ``n`` is there.
    """

    def __init__(self, client: Client, phase: Phase, daemon: int) -> None:
        self.id: str | None = None
        self.worker = 0
        self.n = 0
        self._client = client
        self._phase = phase
        self._daemon = daemon
        self._pidfd: int | None = None
        self._strikes: set[str] = set()  # how the worker may have ended that was there last
        self._dead = False  # whether it certainly has
        self._untold = False  # whether there may be another one of which nobody was told
        self._replaced = False  # whether it may have been by the one that was met since
        self._missing_until = 0.0

    # What is done to it

    async def create(self) -> bool:
        """Create a context; return whether there is one, which a fault may prevent."""
        start = time.monotonic()
        status, body = await self._client.request("POST", "/context")
        if status == 200:
            self._phase.seconds["POST /context"].append(time.monotonic() - start)
            self._phase.count("contexts", "created")
            self.id = body["id"]
            return True
        self._phase.expect(
            self.may_miss and body["code"] in ("out_of_resources", "worker_start_failed"), f"POST: {body}"
        )
        self._phase.count("contexts", f"refused ({body['code']})")
        return False

    async def delete(self) -> None:
        """Delete it; what still runs there may be asked about until ``forget``."""
        start = time.monotonic()
        status, body = await self._client.request("DELETE", f"/context/{self.id}")
        self._phase.seconds["DELETE"].append(time.monotonic() - start)
        self._phase.expect(status == 200, f"DELETE: {body}")

    def forget(self) -> None:
        """Have no context any more."""
        self._part()
        self.id, self.n, self._dead, self._untold, self._replaced = None, 0, False, False, False

    async def run(self, code: str, **keys: Any) -> Ended:
        """Run ``code`` on a connection of its own."""
        return Ended.of_result(await self._client.run(code, self.id, **keys))

    def meet(self, pid: int) -> None:
        """Know its worker."""
        if pid == self.worker:
            return
        if self._untold:  # that one, or one that came after a strike, of which somebody is told
            self._replaced = bool(self._strikes)
        else:
            self._dead = self._dead or bool(self._strikes)  # how else would there be another one
        self._untold = False
        self._part()
        with contextlib.suppress(ProcessLookupError):
            pidfd = os.pidfd_open(pid)
            if pid in proc.below(self._daemon):  # and not, by now, a number of somebody else's
                self.worker, self._pidfd = pid, pidfd
            else:
                os.close(pidfd)

    @contextlib.contextmanager
    def struck(self, number: signal.Signals) -> Iterator[bool]:
        """Send a signal to its worker; yield whether there was one. A stop is undone at the end."""
        if self._pidfd is None:
            yield False
            return
        fd = os.dup(self._pidfd)
        try:
            if number is not signal.SIGSTOP:
                self._strikes.add(f"killed by {number.name}")
            hit = _send(fd, number)
            yield hit
            if number is signal.SIGSTOP:
                _send(fd, signal.SIGCONT)
        finally:
            os.close(fd)

    @property
    def was_struck(self) -> bool:
        """Whether its worker may have been killed from outside."""
        return bool(self._strikes) or self.may_miss

    @property
    def may_miss(self) -> bool:
        """Whether a worker may have failed to start, or been killed as it did."""
        return time.monotonic() < self._missing_until

    def miss(self) -> None:
        """A fault hits workers as they start, somebody's."""
        self._missing_until = time.monotonic() + MISSING_S

    # What may be true of it

    def judge(self, ended: Ended, *expected: str, met: bool = False) -> str | None:
        """Return how an execution ended if that was expected; else hold it against what has befallen its worker.

        ``met`` says that its worker was met while it ran, and not before.
        """
        outcome = ended.outcome
        self._phase.count("executions", outcome.partition(":")[0])
        strikes = self._strikes | ({"killed by SIGKILL"} if self.may_miss else set())
        ran = not outcome.startswith(("cancelled", "closed"))
        told = f"{outcome!r}, stdout {ended.stdout[:100]!r}"
        if ended.restarted:
            excused = self._dead or self._replaced or bool(strikes)
            self._phase.expect(excused, f"a new worker, and the old one was well: {told}")
            self.n = 0
            if not met:
                self._part()
        elif ran:
            self._phase.expect(not self._dead, f"a new worker, and nobody was told: {told}")
        died = "WorkerDied" in outcome or "its variables are lost" in outcome
        if died:
            self._part()
        if died or ran:
            self._dead, self._replaced = died, False
        if outcome in expected:
            return outcome
        deaths = [f"WorkerDied: {strike}" for strike in strikes]
        deaths += [f"; its worker was {strike}, and its variables are lost" for strike in strikes]
        explained = outcome.endswith(tuple(deaths)) or (self.may_miss and "start context: " in outcome)
        self._phase.expect(explained, f"{told}, expected {expected}, strikes {strikes}")
        return None

    def _part(self) -> None:
        """Its worker is gone, and what befell it no matter any more."""
        if self._pidfd is not None:
            os.close(self._pidfd)
        self.worker, self._pidfd = 0, None
        self._strikes.clear()

    def overlook(self) -> None:
        """An execution has run whose client did not read: if there was a new worker, nobody will be told any more."""
        self._dead = False
        self._untold = True

    def leave(self) -> None:
        """Its worker has ended by ``exit()``."""
        self._dead = True


def _send(pidfd: int, number: signal.Signals) -> bool:
    """Send a signal; return whether the process was still there."""
    try:
        signal.pidfd_send_signal(pidfd, number)
    except ProcessLookupError:
        return False
    return True
