"""A context of the phase ``state``: what must be in it, and the processes that belong to it.

Each execution appends a number of its own to a list. So the list tells which executions a context has behind it, and a
model of forks, checkpoints, undoes, archives and deaths says what it must be.
"""

import contextlib
import os
import signal
from pathlib import Path
from typing import Any

import orjson
from attrs import define, field
from harness import Client, Result

from soak.report import Phase

Log = tuple[int, ...]
STEP = """
import os, random
log = globals().get("log", [])
log.append({number})
with open("/proc/self/comm", "w") as _file:
    _file.write({name!r})
del _file
print(log, os.getpid(), random.random())
"""
HANDLED = "internal_error"


@define
class Kept:
    """A checkpoint: what the context was, and its parked process; 0 if that was not found."""

    id: str
    log: Log
    pid: int = 0
    is_killed: bool = False


@define
class Branch:
    """A context.

    Attributes:
        name: Of its worker and of its copies, in /proc/PID/comm, which a fork inherits.
        logs: What it may have behind it; more than one after a fault in the middle of an operation.
        may_restart: Whether the next execution may say that there is a new worker. Then its list is empty.
        must_restart: Whether its worker was killed at rest, so that it must say so.
        kept: Its checkpoints by id, the oldest first.
        past: What was asked of it, for the report.
    """

    id: str
    name: str
    logs: set[Log] = field(factory=lambda: {()})
    worker: int = 0
    may_restart: bool = False
    must_restart: bool = False
    kept: dict[str, Kept] = field(factory=dict)
    past: list[str] = field(factory=list)

    @property
    def log(self) -> Log | None:
        """What it certainly has behind it, or None if that is not certain."""
        (log,) = self.logs if len(self.logs) == 1 else (None,)
        return None if self.may_restart or self.must_restart else log

    def be(self, *logs: Log) -> None:
        """Have one of these behind it, for certain."""
        self.logs, self.may_restart, self.must_restart = set(logs), False, False


class Family:
    """The contexts of one client, and their processes."""

    def __init__(self, client: Client, phase: Phase, name: str) -> None:
        """``name`` is that of its processes, and of no others; at most 15 characters."""
        self._client = client
        self._phase = phase
        self.name = name
        self._number = 0
        self.branches: list[Branch] = []

    async def ask(self, method: str, path: str, body: object = None) -> tuple[int, dict[str, Any]]:
        """Return status and body of a request; a refusal must be one clear sentence with a code."""
        status, told = await self._client.request(method, path, json=body)
        for it in self.branches:
            if it.id in path:
                it.past.append(f"{path.rpartition(it.id)[2]} {status}")
        if status >= 400:
            told_well = isinstance(told.get("error"), str) and told["error"] and told.get("code") not in (None, HANDLED)
            self._phase.expect(bool(told_well), f"{method} {path}: {status} {told}")
            self._phase.count("refusals", str(told.get("code")))
        return status, told

    def next_number(self) -> int:
        """Return a number that no execution has had."""
        self._number += 1
        return self._number

    def code(self, number: int) -> str:
        """Return the code of the execution ``number``."""
        return STEP.format(number=number, name=self.name)

    async def step(self, branch: Branch, **keys: Any) -> float | None:
        """Run an execution and check what is behind it; return a random number of its own, None if it has died."""
        number = self.next_number()
        result = await self._client.run(self.code(number), branch.id, **keys)
        return self.judge(branch, number, result)

    def judge(self, branch: Branch, number: int, result: Result) -> float | None:
        """Check the result of the execution ``number``, and learn what the context is now."""
        self._phase.count("executions", "judged")
        restarted = "restarted" in result.controls
        branch.past.append(f"{number}{' restarted' if restarted else ''}")
        told = f"context {branch.id}: {result.messages} {result.close_code} {result.close_reason}"
        if result.error is not None or "completed" not in result.controls:
            struck = result.error is not None and result.error["name"] == "WorkerDied"
            excused = branch.may_restart or branch.must_restart
            self._phase.expect(struck and excused, f"an execution failed; {told}, model {branch}")
            branch.logs, branch.must_restart, branch.may_restart = {()}, True, False
            return None
        listed, _, rest = result.stdout.rpartition("] ")
        pid, chance = rest.split()
        log = tuple(orjson.loads(listed + "]"))
        excused = branch.may_restart or branch.must_restart
        if restarted:
            self._phase.expect(excused, f"a new worker, and the old one was well; {told}, model {branch}")
        allowed = {*branch.logs, *([()] if excused else [])}
        if branch.must_restart and not branch.may_restart:
            self._phase.expect(restarted, f"a new worker, and nobody was told; {told}, model {branch}")
            allowed = {()}
        self._phase.expect(log[-1] == number and log[:-1] in allowed, f"the list is {log}, model {branch}")
        branch.be(log)
        branch.worker = int(pid)
        return float(chance)

    def processes(self) -> set[int]:
        """Return its processes: its workers, parked copies, and any leftovers.

        All processes are looked at: while some end, the kernel's lists of children may leave others out.
        """
        return {int(entry) for entry in os.listdir("/proc") if entry.isdecimal() and _comm(entry) == self.name}

    def kill(self, pid: int) -> bool:
        """Kill one of its processes, if it still is one."""
        with contextlib.suppress(OSError):
            pidfd = os.pidfd_open(pid)
            try:
                if pid in self.processes():
                    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                    return True
            finally:
                os.close(pidfd)
        return False


def _comm(pid: str) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().removesuffix("\n")
    return ""
