"""One client of the chaos: its acts, right and wrong, and the results that they must have."""

import asyncio
import contextlib
import random
import signal
import time
from pathlib import Path

import aiohttp
import orjson
from escaping import ESCAPES, Witness, escape
from frames import TEXT, frame, open_raw
from harness import PREFIX
from sessions import open_session
from tracing import traced

from soak.caller import call
from soak.charge import Charge, Ended
from soak.junk import junk_bytes, junk_message
from soak.watch import Watched

PATIENCE_S = 60.0  # for one act
ENDLESS = (
    "while True: pass",
    "import time\nwhile True: time.sleep(1000)",
    "import _thread\nl = _thread.allocate_lock()\nl.acquire()\nl.acquire()",
)
CRASHES = {
    "import os; os._exit(3)": "exit status 3",
    "import os; os.abort()": "killed by SIGABRT",
    "import os; os.kill(os.getpid(), 9)": "killed by SIGKILL",
    "import ctypes; ctypes.string_at(0)": "killed by SIGSEGV",
}
SILENCES = {
    "nothing": b"",
    "head": b"GET /health HTTP/1.1\r\nHost: localh",
    "body": f"POST {PREFIX}/execute HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{{".encode(),
}
COUNT = "import os, sys\nn = globals().get('n', 0) + 1\nprint(n, os.getpid())"
LINES = "import sys\nfor i in range({n}):\n    print(i)\n    if i % 7 == 0: print(i // 7, file=sys.stderr)"
FLOOD = "text = 'x' * 60\ni = 0\nwhile i < {n}:\n    print(i, text)\n    i += 1"


class Actor:
    """A client with at most one context; it performs one act after the other."""

    def __init__(self, it: Watched, chooser: random.Random, path: Path) -> None:
        self.charge = Charge(it.client, it.phase, it.pid)
        self._it = it
        self._client = it.client
        self._random = chooser
        self._path = path

    async def act_until(self, until: float) -> None:
        """Perform one act after the other, then disconnect."""
        acts = (
            self._count,
            self._lines,
            self._flood,
            self._time_out,
            self._interrupt,
            self._crash,
            self._leave,
            self._call,
            self._delete_while_busy,
            self._restart_while_traced,
            self._vanish,
            self._brood,
            self._send_junk,
            self._send_junk_to_a_session,
            self._say_nothing,
        )
        while time.monotonic() < until:
            act = self._random.choice(acts)
            try:
                async with asyncio.timeout(PATIENCE_S):
                    if self.charge.id is None:
                        if not await self.charge.create():
                            await asyncio.sleep(0.1)
                            continue
                        await self._count()
                    self._it.phase.count("acts", act.__name__.strip("_").replace("_", " "))
                    await act()
            except TimeoutError:
                self._it.phase.expect(False, f"{act.__name__} came to no end")
                self.charge.forget()
            except (AssertionError, aiohttp.ClientError) as error:
                self._it.phase.expect(False, f"{act.__name__}: {error!r}")
                self.charge.forget()
        if self.charge.id is not None:
            await self.charge.delete()
        self.charge.forget()

    async def _count(self) -> None:
        """Use a variable that every execution of this kind counts up, and learn the worker's pid."""
        start = time.monotonic()
        ended = await self.charge.run(COUNT)
        self._it.phase.seconds["execution"].append(time.monotonic() - start)
        if self.charge.judge(ended, "completed") != "completed":
            return
        n, pid = map(int, ended.stdout.split())
        expected = 1 if ended.restarted else self.charge.n + 1
        self._it.phase.expect(n == expected, f"a variable is {n}, not {expected}: {ended}")
        self.charge.n = n
        self.charge.meet(pid)

    async def _lines(self) -> None:
        """Write lines on both streams, all of which must arrive, and in order."""
        n = self._random.randrange(2000)
        ended = await self.charge.run(LINES.format(n=n))
        whole = self.charge.judge(ended, "completed") == "completed"
        for text, count in ((ended.stdout, n), (ended.stderr, -(-n // 7))):
            self._check_lines(text, count if whole else None, "")

    async def _flood(self) -> None:
        """Write megabytes, and read them quickly or slowly; perhaps do not wait for the end."""
        n, pause_s = self._random.choice((20_000, 60_000)), self._random.choice((0.0, 0.0, 0.01))
        async with self._client.running(FLOOD.format(n=n), contextId=self.charge.id) as running:
            while await running.next() is not None:
                if pause_s:
                    await asyncio.sleep(pause_s)
        ended = Ended.of_result(running.result)
        whole = self.charge.judge(ended, "completed") == "completed"
        self._check_lines(ended.stdout, n if whole else None, " " + "x" * 60)
        self._it.phase.counts["output"]["MB"] += len(ended.stdout) // 1_000_000

    async def _time_out(self) -> None:
        ended = await self.charge.run(self._random.choice(ENDLESS), timeout=1)
        self.charge.judge(ended, "interrupted TimeoutError: execution timed out after 1 s")

    async def _interrupt(self) -> None:
        async with open_session(self._client) as session:
            request = await session.execute(self._random.choice((*ENDLESS, FLOOD.format(n=10**9))), self.charge.id)
            await request.started.wait()
            await asyncio.sleep(self._random.random() * 0.05)
            sent_at = time.monotonic()
            answer = await session.interrupt(self.charge.id, request.execution_id)
            await request.ended.wait()
            if answer == "interrupting":
                self._it.phase.seconds["interrupt"].append(time.monotonic() - sent_at)
            ended = Ended.of_request(request)
            self.charge.judge(ended, *(["interrupted KeyboardInterrupt: "] if answer == "interrupting" else []))
        self._it.phase.violations += session.violations

    async def _crash(self) -> None:
        code, how = self._random.choice(list(CRASHES.items()))
        ended = await self.charge.run(f"print('last words')\n{code}")
        struck = self.charge.was_struck
        if self.charge.judge(ended, f"completed WorkerDied: {how}") is not None and not struck:
            self._it.phase.expect(ended.stdout == "last words\n", f"before it crashed it wrote {ended.stdout!r}")
        self._it.phase.count("faults", "crash")

    async def _leave(self) -> None:
        ended = await self.charge.run("exit()")
        if self.charge.judge(ended, "completed") == "completed":
            self.charge.leave()

    async def _call(self) -> None:
        await call(self._client, self.charge, self._random, self._it.phase)

    async def _delete_while_busy(self) -> None:
        """Delete the context while one execution runs and others wait; all must end."""
        async with open_session(self._client) as session:
            running = await session.execute(self._random.choice(ENDLESS), self.charge.id)
            queued = [await session.execute("pass", self.charge.id) for _ in range(self._random.randrange(5))]
            await running.started.wait()
            context = self.charge.id
            await self.charge.delete()
            expected = [f"cancelled ContextError: context deleted: {context}"]
            for request in (running, *queued):
                await request.ended.wait()
                if self.charge.was_struck:  # then the next execution had its turn
                    expected.append("completed")
                self.charge.judge(Ended.of_request(request), *expected)
        self._it.phase.violations += session.violations
        self.charge.forget()
        self._it.phase.count("faults", "deleted while busy")

    async def _restart_while_traced(self) -> None:
        """Let a process trace the worker, so that it cannot be reaped, and ask for a new worker."""
        with contextlib.ExitStack() as stack:
            try:
                await asyncio.to_thread(stack.enter_context, traced(self.charge.worker))
            except AssertionError:  # the worker has just been struck
                return
            status, body = await self._client.request("POST", f"/context/{self.charge.id}/restart")
            self._it.phase.expect(status == 200 or self.charge.may_miss, f"restart: {body}")
            self.charge.leave()
            await self._count()
        self._it.phase.count("faults", "worker traced")

    async def _vanish(self) -> None:
        """Disconnect within an answer, in one of several ways. The execution goes on."""
        self.charge.n += 1
        how = self._random.choice(("close", "reset", "mute", "session"))
        work = (
            FLOOD.format(n=20_000)
            if how == "mute"
            else f"print('on', flush=True)\nimport time; time.sleep({self._random.random() * 0.2})"
        )
        code = f"{work}\nn = {self.charge.n}"
        if how == "session":
            async with open_session(self._client) as session:
                request = await session.execute(code, self.charge.id)
                await request.spoke.wait()
        else:
            async with open_raw(self._it.port, PREFIX + "/execute") as raw:
                await raw.send(frame(TEXT, orjson.dumps({"code": code, "contextId": self.charge.id})))
                await raw.receive()
                if how == "mute":
                    raw.stop_reading()
                    await asyncio.sleep(self._random.random())
                if how == "reset":
                    raw.reset()
        self._it.phase.count("faults", f"client vanished ({how})")
        self.charge.overlook()
        ended = await self.charge.run("print(n)")
        outcome = self.charge.judge(
            ended,
            "completed",
            *(["completed NameError: name 'n' is not defined"] if self.charge.was_struck or ended.restarted else []),
        )
        if outcome == "completed" and not ended.restarted:
            self._it.phase.expect(
                ended.stdout == f"{self.charge.n}\n", f"its client had gone ({how}), and so was its work: {ended}"
            )

    async def _brood(self) -> None:
        """Leave processes behind, then end the worker."""
        witness = Witness(self._path)
        try:
            kinds = self._random.sample(list(ESCAPES), 3)
            async with self._client.running(escape(witness, kinds=kinds), contextId=self.charge.id) as running:
                while "\n" not in running.result.stdout and await running.next() is not None:
                    pass
                if "\n" not in running.result.stdout:
                    self.charge.judge(Ended.of_result(running.result))
                    return
                self.charge.meet(int(running.result.stdout))
                context = self.charge.id
                end = self._random.choice(("deleted", "killed"))
                if end == "deleted":
                    await self.charge.delete()
                else:
                    with self.charge.struck(signal.SIGKILL):
                        pass
                ended = Ended.of_result(await running.finish())
                deleted = [f"closed with 1001 ContextError: context deleted: {context}"] if end == "deleted" else []
                self.charge.judge(ended, *deleted, met=True)
            start = time.monotonic()
            await witness.gone()
            self._it.phase.seconds["left children gone after their worker"].append(time.monotonic() - start)
            self._it.phase.count("faults", *(f"left: {kind}" for kind in kinds))
            if end == "deleted":
                self.charge.forget()
        finally:
            witness.close()
            self._path.unlink()

    async def _send_junk(self) -> None:
        """Send data that is no request, no WebSocket, no message."""
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", self._it.port)
            writer.write(junk_bytes(self._random))
            if self._random.random() < 0.5:
                writer.write_eof()
                await reader.read()
            writer.close()
        result = await self._client.send_first(junk_message(self._random))
        self._it.phase.expect(result.close_code in (1000, 1002, 1008), f"junk was answered by {result}")
        self._it.phase.count("faults", "junk")

    async def _send_junk_to_a_session(self) -> None:
        async with open_raw(self._it.port, PREFIX + "/session") as raw:
            for _ in range(self._random.randrange(10)):
                await raw.send(frame(TEXT, junk_message(self._random)))
            await raw.send(junk_bytes(self._random))
            if self._random.random() < 0.5:
                raw.reset()
        self._it.phase.count("faults", "junk")

    async def _say_nothing(self) -> None:
        """Send nothing, half a head or half a body, until the daemon closes the connection."""
        name, data = self._random.choice(list(SILENCES.items()))
        with contextlib.suppress(ConnectionError):
            reader, writer = await asyncio.open_connection("127.0.0.1", self._it.port)
            writer.write(data)
            answer = await reader.read()
            writer.close()
            self._it.phase.expect(name == "nothing" or b" 408 " in answer, f"half a {name}: {answer!r}")
        self._it.phase.count("faults", f"client silent ({name})")

    def _check_lines(self, text: str, count: int | None, tail: str) -> None:
        """Check ``text`` against ``count`` numbered lines; None for any number of them, the last perhaps cut."""
        *lines, last = text.split("\n")
        wrong = next((i for i, line in enumerate(lines) if line != f"{i}{tail}"), None)
        kept = wrong is None and (count is None or (len(lines) == count and not last))
        shown = lines[max(0, (wrong or 0) - 1) : (wrong or 0) + 2]
        self._it.phase.expect(kept, f"output: {len(lines)} lines of {count}, wrong at {wrong}: {shown}, last {last!r}")
