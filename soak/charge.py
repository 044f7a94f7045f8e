"""A context of one client, with the record of its faults, and so of the possible results of its executions."""

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

MISSING_S = 5.0  # how long a fault at the start of workers may show


@define
class Ended:
    """How an execution ended, on any route.

    Attributes:
        outcome: As ``sessions.Request.outcome``.
    """

    outcome: str
    restarted: bool
    stdout: str
    stderr: str

    @classmethod
    def of_request(cls, request: Request) -> "Ended":
        """Return the end of an execution on a session."""
        return cls(request.outcome, request.restarted, "".join(request.stdout), "".join(request.stderr))

    @classmethod
    def of_result(cls, result: Result) -> "Ended":
        """Return the end of an execution on a connection of its own. Raises ``AssertionError`` if it had two errors."""
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
        worker: The last known pid of its worker; 0 for none.
        n: The value of the variable ``n`` there.
    """

    def __init__(self, client: Client, phase: Phase, daemon: int) -> None:
        self.id: str | None = None
        self.worker = 0
        self.n = 0
        self._client = client
        self._phase = phase
        self._daemon = daemon
        self._pidfd: int | None = None
        self._strikes: set[str] = set()  # how its last worker may have ended
        self._dead = False  # whether it certainly has ended
        self._untold = False  # whether there may be another worker of which no client was told
        self._replaced = False  # whether the worker that was met since may have replaced it
        self._missing_until = 0.0

    # The acts on it

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
        """Delete it; its running executions may be asked about until ``forget``."""
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
        """Learn its worker."""
        if pid == self.worker:
            return
        if self._untold:  # that worker, or one that came after a strike, which a client is told
            self._replaced = bool(self._strikes)
        else:
            self._dead = self._dead or bool(self._strikes)  # otherwise there would not be another worker
        self._untold = False
        self._part()
        with contextlib.suppress(ProcessLookupError):
            pidfd = os.pidfd_open(pid)
            if pid in proc.below(self._daemon):  # unless another process has the number by now
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
        """Whether a worker may have failed to start, or been killed during its start."""
        return time.monotonic() < self._missing_until

    def miss(self) -> None:
        """A fault hits the start of workers."""
        self._missing_until = time.monotonic() + MISSING_S

    # The possible results

    def judge(self, ended: Ended, *expected: str, met: bool = False) -> str | None:
        """Return how an execution ended if that was expected; otherwise check it against the strikes at its worker.

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
        """Its worker is gone, and its strikes no longer matter."""
        if self._pidfd is not None:
            os.close(self._pidfd)
        self.worker, self._pidfd = 0, None
        self._strikes.clear()

    def overlook(self) -> None:
        """An execution has run whose client did not read: no client will be told any more of a new worker."""
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
