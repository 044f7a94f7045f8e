"""``top``, ``bench`` and ``doctor`` as people start them, with a daemon."""

import asyncio
import contextlib
import json
import os
import pty
import termios
from pathlib import Path

import pytest
from command import environment, ran
from harness import COMMAND, Client, Gate

from interpreterd import __version__
from interpreterd.cli.checks import KERNEL_CHECKS


async def test_top_shows_the_busiest_first(client: Client, url: str, gate: Gate, tmp_path: Path) -> None:
    strange = tmp_path / "a\x1b[31m\nb"
    strange.mkdir()
    idle = await client.create(cwd=str(strange))
    busy = await client.create()
    async with client.running("print(1, flush=True)\nwhile True: pass", contextId=busy) as running:
        await running.until("1\n")
        (table, _), (text, _) = await asyncio.gather(
            ran("top", INTERPRETERD_URL=url), ran("top", "--json", "--url", url)
        )
        await client.request("POST", f"/context/{busy}/interrupt")
        await running.finish()
    heads, *rows = (line for line in table.splitlines() if not line.startswith("default"))
    words = ["CONTEXT", "STATE", "CPU%", "MEMORY", "PROCS", "THREADS", "FILES", "QUEUED", "RUNS", "USED", "CWD"]
    assert heads.split() == words
    assert [row.split()[:2] for row in rows] == [[busy, "busy"], [idle, "idle"]]
    assert rows[1].rstrip().endswith(r"a\x1b[31m\nb"), "nothing that a terminal obeys"
    first, second = (it for it in json.loads(text) if it["id"] != "default")
    assert (first["id"], first["executionCount"], second["id"]) == (busy, 1, idle)
    assert first["cpuPercent"] > 0 == second["cpuPercent"]
    assert first["usage"]["processes"] == first["stats"]["processes"] == 1


class Terminal:
    """A new terminal and the text on it."""

    def __init__(self) -> None:
        self._ours, self.fd = pty.openpty()
        termios.tcsetwinsize(self.fd, (10, 120))
        self.shown = b""
        self._more = asyncio.Event()
        os.set_blocking(self._ours, False)
        asyncio.get_running_loop().add_reader(self._ours, self._read)

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            self.shown += os.read(self._ours, 1 << 16)
        self._more.set()

    async def shows(self, text: bytes, times: int) -> None:
        while self.shown.count(text) < times:
            self._more.clear()
            await self._more.wait()

    def type(self, keys: bytes) -> None:
        os.write(self._ours, keys)

    def close(self) -> None:
        self._read()
        asyncio.get_running_loop().remove_reader(self._ours)
        os.close(self._ours)
        os.close(self.fd)


@pytest.mark.parametrize(("leave", "status"), [(b"q", 0), (b"\x03", 0), (None, 143)], ids=["q", "Ctrl-C", "SIGTERM"])
async def test_top_lives_on_a_terminal_until_it_is_left(
    client: Client, url: str, leave: bytes | None, status: int
) -> None:
    context = await client.create()
    with contextlib.closing(Terminal()) as terminal:
        before = termios.tcgetattr(terminal.fd)
        # setsid -c: the process controls the terminal, so it gets the signal of Ctrl-C.
        process = await asyncio.create_subprocess_exec(
            *["setsid", "-c", "-w", str(COMMAND), "top", "--every", "0.1", "--url", url],
            stdin=terminal.fd,
            stdout=terminal.fd,
            stderr=terminal.fd,
            env=environment(TERM="xterm"),
        )
        await terminal.shows(context.encode(), 2)  # top refreshes
        if leave is None:
            process.terminate()
        else:
            terminal.type(leave)
        assert await process.wait() == status
        assert termios.tcgetattr(terminal.fd) == before
    assert b", 0 busy; CPU 0%; " in terminal.shown
    assert terminal.shown.rstrip().endswith(b"\x1b[?1049l"), "the screen is what it was before"


async def test_bench_measures_all_and_leaves_nothing(tmp_path: Path) -> None:
    out, err = await ran("bench", "--quick", "--json", TMPDIR=str(tmp_path))
    figures = json.loads(out)
    assert [(it["floor"], it["n"]) for it in figures] == [
        ("aiohttp WebSocket echo", 120),
        ("python -I -S -c pass", 8),
        ("print into a pipe", 2),
    ]
    for it in figures:
        assert min(value for value in it.values() if not isinstance(value, str)) > 0
    assert "Traceback" not in err
    assert os.listdir(tmp_path) == []


async def test_doctor_finds_nothing_missing_here(client: Client, url: str) -> None:
    port = url.rpartition(":")[2]
    (table, _), (text, _) = await asyncio.gather(
        ran("doctor", "--port", port), ran("doctor", "--json", INTERPRETERD_PORT=port)
    )
    findings = json.loads(text)
    assert len(table.splitlines()) == 1 + len(findings) == 3 + 1 + len(KERNEL_CHECKS)
    assert {it["verdict"] for it in findings} <= {"ok", "limited"}
    assert findings[-1] == {
        "check": "address",
        "verdict": "ok",
        "found": f"port {port} on 127.0.0.1: interpreterd {__version__} answers",
        "advice": "",
    }
