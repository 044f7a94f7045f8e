"""Interrupts at random moments: the programs, the moments, and the checks afterwards.

``storm`` runs all of it, for the suite and for ``make soak``. Every choice comes from the seed. The timing depends on
the machine, so each run tests other moments.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable

from attrs import define, field
from harness import Client
from sessions import Request, Session, open_session

LIMIT_S = 30.0  # for one execution; the daemon kills a worker that ignores an interrupt much sooner
SPREAD_S = 0.006  # spread of the interrupts: longer than a program of ``ENDING`` runs

# Programs that end only by an interrupt.
ENDLESS = {
    "loop": "while True: pass",
    "nested": "def f(n):\n    while True: g(n)\ndef g(n):\n    if n: g(n - 1)\nf(50)",
    "sleep": "while True: time.sleep(1000)",
    "naps": "while True: time.sleep(0.0005)",
    "lock": "lock = _thread.allocate_lock()\nlock.acquire()\nlock.acquire()",
    "event": "threading.Event().wait()",
    "read": "r, w = os.pipe()\ntry:\n    os.read(r, 1)\nfinally:\n    os.close(r), os.close(w)",
    "select": "while True: select.select([], [], [], 1000)",
    "async": "async def main():\n    while True: await asyncio.sleep(1000)\nasyncio.run(main())",
    "flood": "i = 0\nwhile True:\n    print(i)\n    i += 1",
    "both": "i = 0\nwhile True:\n    print(i)\n    print(i, file=sys.stderr)\n    i += 1",
    "dots": "i = 0\nwhile True:\n    print(i, end='\\n', flush=True)\n    i += 1",
    "write": "i = 0\nwhile True:\n    os.write(1, b'%d\\n' % i)\n    i += 1",
}
# Programs that end by themselves after {rounds} rounds; {n} is the execution's number. They note events in ``trail``.
ENDING = {
    "ends": "for _ in range({rounds}): pass\ntrail.append('ended {n}')",
    "tells": """try:
    for _ in range({rounds}): pass
    trail.append('ended {n}')
except KeyboardInterrupt:
    trail.append('interrupted {n}')
    raise""",
    "catches": """try:
    for _ in range({rounds}): pass
    trail.append('ended {n}')
except KeyboardInterrupt:
    trail.append('caught {n}')""",
    "fails": "for _ in range({rounds}): pass\ntrail.append('ended {n}')\n1 / 0",
    "prints": "for i in range({rounds} // 64): print(i)\ntrail.append('ended {n}')",
    "exits": "for _ in range({rounds}): pass\ntrail.append('ended {n}')\nsys.exit(3)",
}
ROUNDS = 100_000  # at most; they take some milliseconds
RAISED = {"fails": "ZeroDivisionError: division by zero", "exits": "SystemExit: 3"}
INTERRUPTED = "interrupted KeyboardInterrupt: "
# asyncio.run() handles interrupts a moment before it sets its count of them to 0, so it may miss one.
UNCOUNTED = ("async", "completed CancelledError: ")
# All imports are here: in CPython an interrupted import may leave a package that cannot be imported again.
PRELUDE = "import _thread, asyncio, os, select, sys, threading, time\ntrail = []\nprint(os.getpid())"
PROBE = "print(os.getpid(), *[seen.split()[0] for seen in trail if seen.endswith(' {n}')])"
NUMBERED = ("flood", "both", "dots", "write", "prints")  # each line is the number of lines before it


@define
class Tally:
    """The results of a storm.

    Attributes:
        counts: Executions by program, interrupts by moment, endings by outcome.
        latencies_s: Seconds from the interrupt of an endless program to its end.
    """

    seed: int | str
    executions: int = 0
    counts: Counter[str] = field(factory=Counter)
    latencies_s: list[float] = field(factory=list)
    violations: list[str] = field(factory=list)

    def add(self, case: "_Case", strange: list[str]) -> None:
        """Count one execution and its violations."""
        self.executions += 1
        self.counts.update([f"program {case.program}", f"moment {case.moment}", f"end {case.request.end}"])
        self.latencies_s += case.latencies_s
        told = f"seed {self.seed}: {case.program} interrupted {case.moment}, {case.answers}: {case.request.outcome}"
        if case.program == "async" and strange:
            print("".join(case.request.stderr), case.request)
        self.violations += [f"{told}: {what}" for what in strange]


async def storm(client: Client, *, executions: int, contexts: int, seed: int | str) -> Tally:
    """Interrupt ``executions`` executions in ``contexts`` contexts. Each context has its own connection."""
    tally = Tally(seed)
    share, rest = divmod(executions, contexts)
    async with asyncio.TaskGroup() as tasks:
        for number in range(contexts):
            chooser = random.Random(f"{seed} {number}")
            tasks.create_task(_victim(client, share + (number < rest), chooser, tally))
    return tally


async def _victim(client: Client, executions: int, chooser: random.Random, tally: Tally) -> None:
    """Interrupt ``executions`` executions in one context; a violation leads to a new context."""
    context, pid = None, ""
    async with open_session(client) as session:
        for number in range(executions):
            if context is None:
                context = await client.create()
                pid = "".join((await session.run(PRELUDE, context)).stdout).strip()
            case = _Case(client, session, context, chooser, number)
            try:
                async with asyncio.timeout(LIMIT_S):
                    strange = await case.run() + await case.aftermath(pid)
            except TimeoutError:
                strange = ["it did not end, or the next one did not"]
            strange += session.violations
            session.violations.clear()
            tally.add(case, strange)
            if strange or number == executions - 1:
                await client.request("DELETE", f"/context/{context}")
                context = None


class _Case:
    """One execution and its interrupts."""

    def __init__(self, client: Client, session: Session, context: str, chooser: random.Random, number: int) -> None:
        self._client = client
        self._session = session
        self._context = context
        self._chooser = chooser
        self._number = number
        self._rounds = chooser.randrange(ROUNDS)
        self.endless = chooser.random() < 0.6
        self.program = chooser.choice(list(ENDLESS if self.endless else ENDING))
        self.moment = chooser.choice(list(MOMENTS))
        if self.endless and self.moment == "after its end":
            self.moment = "during it"
        self.request = Request("", "")
        self.answers: list[str] = []
        self.latencies_s: list[float] = []

    async def run(self) -> list[str]:
        """Run and interrupt it; return the violations in how it ended."""
        source = (ENDLESS | ENDING)[self.program]
        if not self.endless:
            source = source.format(n=self._number, rounds=self._rounds)
        self.request = await self._session.execute(source, self._context)
        loop = asyncio.get_running_loop()
        sent_at = loop.time()
        await MOMENTS[self.moment](self)
        while self.endless and "interrupting" not in self.answers and self.request.end is None:
            # The execution had not begun, or the interrupt named another execution: a second interrupt must hit.
            await self.request.started.wait()
            await self.interrupt(self.request.execution_id)
            if self.answers[-1] == "idle" and self.request.end is None:
                return ["runs, and an interrupt for it was answered by idle"]
        await self.request.ended.wait()
        if self.endless:
            self.latencies_s.append(loop.time() - sent_at)
        return self._judge()

    def _judge(self) -> list[str]:
        outcome, hit = self.request.outcome, "interrupting" in self.answers
        if self.endless or (hit and self.request.end == "interrupted"):
            wrong = [] if outcome == INTERRUPTED or (self.program, outcome) == UNCOUNTED else ["must be interrupted"]
        else:
            raised = RAISED.get(self.program)
            expected = f"completed {raised}" if raised else "completed"
            wrong = [] if outcome == expected else [f"must be {expected}"]
        if self.request.restarted:
            wrong.append("got a new worker")
        if self.moment == "after its end" and hit:
            wrong.append("had ended, and an interrupt for it was answered by interrupting")
        if self.program in NUMBERED:
            # Python warns on stderr of coroutines that were interrupted before they began.
            warnings_left_out = [line for line in "".join(self.request.stderr).split("\n") if line.isdigit()]
            for lines in ("".join(self.request.stdout).split("\n"), [*warnings_left_out, ""]):
                if gap := _gap(lines):
                    wrong.append(f"output does not count up: {gap}")
        printed = "".join(self.request.stdout).count("\n")
        if self.program == "prints" and outcome == "completed" and printed != self._rounds // 64:
            wrong.append(f"{printed} lines came of {self._rounds // 64}")
        return wrong

    async def aftermath(self, pid: str) -> list[str]:
        """Return the violations in the context: its worker, its variables, its next execution."""
        probe = await self._session.run(PROBE.format(n=self._number), self._context)
        if probe.outcome != "completed" or probe.restarted:
            return [f"the next execution: {probe.outcome}, {'a new' if probe.restarted else 'the same'} worker"]
        now, *seen = "".join(probe.stdout).split()
        wrong = [] if now == pid else ["another worker"]
        return wrong if self.endless else wrong + self._compare(set(seen))

    def _compare(self, seen: set[str]) -> list[str]:
        """Compare the outcome that the client got with the events that the code noted."""
        completed = self.request.end == "completed"
        if completed and ("interrupted" in seen or not seen & {"ended", "caught"}):
            return [f"told as completed, but the code saw {seen or 'no end'}"]
        if not completed and "caught" in seen:
            return ["told as interrupted, but the code caught it"]
        return []

    async def interrupt(self, execution_id: str | None = None) -> None:
        """Interrupt the running or the named execution, over REST or the session."""
        if execution_id is None and self._chooser.random() < 0.3:
            _, body = await self._client.request("POST", f"/context/{self._context}/interrupt")
            self.answers.append("interrupting" if body["interrupted"] else "idle")
        else:
            self.answers.append(await self._session.interrupt(self._context, execution_id))

    # Moments

    async def at_once(self) -> None:
        """Interrupt right after the code is sent, before the worker has read it."""
        self.answers.append(await self._session.interrupt(self._context))

    async def when_it_starts(self) -> None:
        await self.request.started.wait()
        await self.interrupt(self.request.execution_id)

    async def during_it(self) -> None:
        await self.request.started.wait()
        await asyncio.sleep(self._chooser.random() * SPREAD_S)
        await self.interrupt(self.request.execution_id if self._chooser.random() < 0.7 else None)

    async def when_it_speaks(self) -> None:
        if self.program in NUMBERED:
            await self.request.spoke.wait()
        await self.during_it()

    async def twice(self) -> None:
        await self.during_it()
        await self.during_it()

    async def after_its_end(self) -> None:
        await self.request.ended.wait()
        await self.interrupt(self.request.execution_id if self._chooser.random() < 0.5 else None)


MOMENTS: dict[str, Callable[[_Case], Awaitable[None]]] = {
    "at once": _Case.at_once,
    "when it starts": _Case.when_it_starts,
    "during it": _Case.during_it,
    "when it speaks": _Case.when_it_speaks,
    "twice": _Case.twice,
    "after its end": _Case.after_its_end,
}


def _gap(lines: list[str]) -> str:
    """Return the first place where ``lines`` are not 0, 1, 2, …, or "". The last line may be cut."""
    *whole, last = lines
    for number, line in enumerate(whole):
        if line != str(number):
            return f"{number} lines, then {whole[number : number + 3]}, of {len(whole)}"
    return "" if str(len(whole)).startswith(last) else f"{len(whole)} lines, then {last!r} at the end"
