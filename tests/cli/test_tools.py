"""``top``, ``bench``, ``config`` and ``doctor``: as people start them, and what they judge and compute."""

import asyncio
import contextlib
import json
import os
import pty
import resource
import socket
import subprocess
import termios
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pytest
from harness import COMMAND, Client, Gate

from interpreterd import __version__
from interpreterd.__main__ import main
from interpreterd.cli import checks, doctor
from interpreterd.cli.bench import Figure, Measured
from interpreterd.cli.checks import KERNEL_CHECKS, Finding, Verdict
from interpreterd.cli.config import effective
from interpreterd.cli.kernel import Kernel
from interpreterd.cli.show import megabytes, plain
from interpreterd.cli.top import Looks, ago
from interpreterd.flags import Chosen, Parser
from interpreterd.processes import guard
from interpreterd.settings import Settings

OK, LIMITED, MISSING = Verdict.OK, Verdict.LIMITED, Verdict.MISSING


def environment(**more: str) -> dict[str, str]:
    """Return this environment without what changes a Python, a daemon or a terminal's width."""
    ours = ("PYTHON", "INTERPRETERD_", "COLUMNS", "LINES")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | more


async def run(*arguments: str, status: int = 0, **more: str) -> tuple[str, str]:
    """Run a command, which must end with ``status``; return stdout and stderr."""
    process = await asyncio.create_subprocess_exec(
        COMMAND,
        *arguments,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(**more),
    )
    out, err = await process.communicate()
    assert process.returncode == status, err.decode()
    return out.decode(), err.decode()


# top


def seen(name: str, cpu_s: float | None, memory: int = 1) -> dict[str, Any]:
    usage = None if cpu_s is None else {"cpuSeconds": cpu_s, "memoryBytes": memory, "processes": 1}
    return {"id": name, "usage": usage}


def test_percentages_are_made_of_two_looks() -> None:
    looks = Looks()
    first = looks.add([seen("small", 1.0), seen("large", 5.0, 9), seen("dead", None)], 100.0)
    assert [(it["id"], it["cpuPercent"]) for it in first] == [("large", None), ("small", None), ("dead", None)]
    second = looks.add([seen("small", 1.5), seen("large", 4.0, 9), seen("dead", 0.1), seen("new", 3.0)], 102.0)
    shown = [(it["id"], it["cpuPercent"]) for it in second]
    assert shown == [("small", 25.0), ("large", 0.0), ("dead", None), ("new", None)]
    third = looks.add([seen("small", None), seen("large", 6.0, 9)], 103.0)
    assert [(it["id"], it["cpuPercent"]) for it in third] == [("large", 200.0), ("small", None)]
    assert looks.add([seen("large", 7.0)], 103.0)[0]["cpuPercent"] is None, "no time has passed"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0s"), (59.9, "59s"), (60, "1m"), (3599, "59m"), (3600, "1h"), (86399, "23h"), (200_000, "2d")],
)
def test_how_long_ago(seconds: float, text: str) -> None:
    now = datetime(2026, 11, 23, tzinfo=UTC)
    moment = datetime.fromtimestamp(now.timestamp() - seconds, UTC).isoformat().replace("+00:00", "Z")
    assert ago(moment, now) == text


async def test_top_shows_the_busiest_first(client: Client, url: str, gate: Gate, tmp_path: Path) -> None:
    strange = tmp_path / "a\x1b[31m\nb"
    strange.mkdir()
    idle = await client.create(cwd=str(strange))
    busy = await client.create()
    async with client.running("print(1, flush=True)\nwhile True: pass", contextId=busy) as running:
        await running.until("1\n")
        (table, _), (text, _) = await asyncio.gather(
            run("top", INTERPRETERD_URL=url), run("top", "--json", "--url", url)
        )
        await client.request("POST", f"/context/{busy}/interrupt")
        await running.finish()
    heads, *rows = (line for line in table.splitlines() if not line.startswith("default"))
    words = ["CONTEXT", "STATE", "CPU%", "MEMORY", "PROCS", "QUEUED", "RUNS", "USED", "CWD"]
    assert heads.split() == words
    assert [row.split()[:2] for row in rows] == [[busy, "busy"], [idle, "idle"]]
    assert rows[1].rstrip().endswith(r"a\x1b[31m\nb"), "nothing that a terminal obeys"
    first, second = (it for it in json.loads(text) if it["id"] != "default")
    assert (first["id"], first["executionCount"], second["id"]) == (busy, 1, idle)
    assert first["cpuPercent"] > 0 == second["cpuPercent"]
    assert first["usage"]["processes"] == 1


class Terminal:
    """A terminal of our own, and what is shown on it."""

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
        # setsid -c: the terminal is its own, and so its Ctrl-C.
        process = await asyncio.create_subprocess_exec(
            *["setsid", "-c", "-w", str(COMMAND), "top", "--every", "0.1", "--url", url],
            stdin=terminal.fd,
            stdout=terminal.fd,
            stderr=terminal.fd,
            env=environment(TERM="xterm"),
        )
        await terminal.shows(context.encode(), 2)  # it looks again
        if leave is None:
            process.terminate()
        else:
            terminal.type(leave)
        assert await process.wait() == status
        assert termios.tcgetattr(terminal.fd) == before
    assert b", 0 busy; CPU 0%; " in terminal.shown
    assert terminal.shown.rstrip().endswith(b"\x1b[?1049l"), "the screen is what it was before"


async def test_top_without_a_daemon_says_how_to_start_one() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        out, err = await run("top", "--once", "--url", url, status=1)
    assert out == ""
    assert err.count("\n") == 1
    assert "interpreterd serve" in err


# bench


async def test_bench_measures_all_and_leaves_nothing(tmp_path: Path) -> None:
    out, err = await run("bench", "--quick", "--json", TMPDIR=str(tmp_path))
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


def test_a_ratio_is_that_of_the_turns() -> None:
    async def never() -> float:
        raise AssertionError

    figure = Figure("work", never, "floor", never, 3)
    slow_turn = Measured(figure, [[0.002, 0.002, 0.009], [0.02, 0.02, 0.02]], [[0.001] * 3, [0.01] * 3])
    assert slow_turn.to_json() == {
        "name": "work",
        "n": 6,
        "p50Ms": 14.5,
        "p99Ms": 20.0,
        "floor": "floor",
        "floorP50Ms": 5.5,
        "ratio": 2.0,
    }
    rate = Measured(attrs.evolve(figure, rate=True), [[30e6], [10e6], [20e6]], [[40e6], [40e6], [40e6]])
    shown = rate.to_json()
    assert (shown["p50MBPerS"], shown["p99MBPerS"], shown["ratio"]) == (20.0, 10.0, 0.5)


# config


def chosen(*arguments: str, **environ: str) -> dict[str, tuple[Any, str]]:
    return effective(Chosen.by(Parser("interpreterd config"), arguments, environ))


def test_each_setting_says_where_it_is_from() -> None:
    settings = chosen("--port", "0", "--no-exit-with-parent", INTERPRETERD_PORT="5", INTERPRETERD_GRACE_S="1")
    assert list(settings) == [setting.name for setting in attrs.fields(Settings)]
    assert settings.pop("port") == (0, "--port")
    assert settings.pop("exit_with_parent") == (False, "--exit-with-parent")
    assert settings.pop("grace_s") == (1.0, "INTERPRETERD_GRACE_S")
    defaults = Settings()
    assert settings == {name: (getattr(defaults, name), "default") for name in settings}


def test_modules_to_preload_choose_the_launcher() -> None:
    settings = chosen(INTERPRETERD_PRELOAD="numpy", INTERPRETERD_LAUNCHER="spawn")
    assert settings["launcher"] == ("fork", "INTERPRETERD_PRELOAD")
    assert chosen("--launcher", "fork")["launcher"] == ("fork", "--launcher")


async def test_config_shows_them(tmp_path: Path) -> None:
    flags = ["config", "--body-limit-bytes", "2M", "--allow-host", "a,b"]
    (out, _), (text, _) = await asyncio.gather(
        run(*flags, INTERPRETERD_HOST="::1"), run(*flags, "--json", INTERPRETERD_HOST="::1")
    )
    rows = [row.split(maxsplit=1) for row in out.splitlines()]
    shown = {name: " ".join(rest.split()) for name, rest in rows}
    assert shown["SETTING"] == "VALUE FROM"
    assert shown["host"] == "::1 INTERPRETERD_HOST"
    assert shown["body-limit-bytes"] == "2 MiB --body-limit-bytes"
    assert shown["allow-host"] == "a, b --allow-host"
    assert shown["context-memory"] == "- default"
    settings = json.loads(text)
    assert len(settings) == len(rows) - 1
    assert settings["body_limit_bytes"] == {"value": 2 << 20, "source": "--body-limit-bytes"}
    assert settings["allow_host"] == {"value": ["a", "b"], "source": "--allow-host"}


@pytest.mark.parametrize(
    ("arguments", "variables", "mistake"),
    [
        (["--port", "x"], {}, "argument --port: must be a whole number"),
        (["--heartbeat-s", "soon"], {}, "argument --heartbeat-s: must be a number"),
        (
            ["--context-memory", "5X"],
            {},
            "argument --context-memory: must be a number of bytes, for example 65536, 64K, 512M or 2G",
        ),
        (["--cwd", "/nowhere"], {}, "argument --cwd: no such directory: /nowhere"),
        ([], {"INTERPRETERD_PORT": "70000"}, "INTERPRETERD_PORT: must be a port from 0 to 65535"),
        (["--colour"], {}, "unrecognized arguments: --colour"),
    ],
)
def test_config_tells_a_mistake_as_serve_does(
    arguments: list[str],
    variables: dict[str, str],
    mistake: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(guard, "start", lambda: pytest.fail("a daemon would start"))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    for command in ("config", "serve"):
        with pytest.raises(SystemExit) as caught:
            main([command, *arguments])
        told = f"interpreterd {command}: error: {mistake}. See `interpreterd {command} --help`.\n"
        assert (caught.value.code, *capsys.readouterr()) == (2, "", told)


# doctor


@attrs.define
class Fake(Kernel):
    """A kernel that answers as it is told, and otherwise as well as can be."""

    limits: dict[int, int | None] = attrs.field(factory=dict)
    files: dict[str, str | None] = attrs.field(factory=dict)
    root: bool = False
    writes: bool = True
    landlocked: int | str = 6
    fails: str | None = None
    group: Path | None = Path("/sys/fs/cgroup/a/b")

    def limit(self, which: int) -> int | None:
        return self.limits.get(which, 1 << 20)

    def text(self, path: str | Path) -> str | None:
        best = {
            "/proc/meminfo": "MemTotal: 9 kB\nMemAvailable:   8388608 kB\n",
            "/proc/sys/kernel/pid_max": "4194304\n",
            "/sys/fs/cgroup/a/b/cgroup.controllers": "cpuset cpu io memory pids\n",
        }
        name = str(path)
        return self.files[name] if name in self.files else best.get(name, "0" if name.startswith("/proc") else None)

    def writable(self, path: str | Path) -> bool:
        return self.writes

    def superuser(self) -> bool:
        return self.root

    def landlock(self) -> int | str:
        return self.landlocked

    def pidfd(self) -> str | None:
        return self.fails

    def subreaper(self) -> str | None:
        return self.fails

    def sealed_memory(self) -> str | None:
        return self.fails

    def cgroup(self) -> Path | None:
        return self.group


Check = Callable[[Kernel], Finding]
GROUP = "/sys/fs/cgroup/a"
VERDICTS: dict[str, tuple[Check, Fake, Verdict, str]] = {
    "few descriptors": (checks.descriptors, Fake(limits={resource.RLIMIT_NOFILE: 256}), LIMITED, "for 64 contexts"),
    "no descriptors": (checks.descriptors, Fake(limits={resource.RLIMIT_NOFILE: 50}), MISSING, "for 0 contexts"),
    "all descriptors": (checks.descriptors, Fake(limits={resource.RLIMIT_NOFILE: None}), OK, "no limit"),
    "few processes": (checks.processes, Fake(limits={resource.RLIMIT_NPROC: 64}), LIMITED, "64 of this user"),
    "root's processes": (checks.processes, Fake(limits={resource.RLIMIT_NPROC: 64}, root=True), OK, "4,194,304"),
    "a cgroup's processes": (
        checks.processes,
        Fake(files={f"{GROUP}/pids.max": "100\n", f"{GROUP}/pids.current": "99\n"}),
        MISSING,
        "1 in a (pids.max)",
    ),
    "a cgroup without a limit": (
        checks.processes,
        Fake(files={f"{GROUP}/pids.max": "max\n", f"{GROUP}/pids.current": "99\n"}),
        OK,
        "1,048,576 of this user",
    ),
    "little memory": (
        checks.memory,
        Fake(files={"/proc/meminfo": "MemAvailable: 524288 kB\n"}),
        LIMITED,
        "512 MiB available: room for 53 contexts",
    ),
    "a cgroup's memory": (
        checks.memory,
        Fake(files={f"{GROUP}/memory.max": str(1 << 30), f"{GROUP}/memory.current": str(1 << 30)}),
        MISSING,
        "in a (memory.max)",
    ),
    "unknown memory": (checks.memory, Fake(files={"/proc/meminfo": None}), LIMITED, "unknown"),
    "no Landlock": (checks.landlock, Fake(landlocked="this kernel is built without it"), LIMITED, "built without"),
    "no cgroups": (checks.cgroups, Fake(group=None), LIMITED, "not mounted"),
    "cgroups of others": (checks.cgroups, Fake(writes=False), LIMITED, "not this user's"),
    "half a cgroup": (
        checks.cgroups,
        Fake(files={"/sys/fs/cgroup/a/b/cgroup.controllers": "memory"}),
        LIMITED,
        "without cpu, pids",
    ),
    "no pidfd": (checks.pidfd, Fake(fails="Function not implemented"), MISSING, "Function not implemented"),
    "no subreaper": (checks.subreaper, Fake(fails="Invalid argument"), MISSING, "Invalid argument"),
    "no memfd": (checks.sealed_memory, Fake(fails="Operation not permitted"), MISSING, "not permitted"),
    "no /proc": (checks.proc, Fake(files={"/proc/self/stat": None}), MISSING, "not mounted"),
    "no children": (
        checks.proc,
        Fake(files={f"/proc/self/task/{os.getpid()}/children": None}),
        LIMITED,
        "does not list children",
    ),
    "hidden processes": (checks.proc, Fake(files={f"/proc/{os.getppid()}/stat": None}), LIMITED, "hides"),
}


@pytest.mark.parametrize(("check", "kernel", "verdict", "found"), VERDICTS.values(), ids=VERDICTS)
def test_a_verdict(check: Check, kernel: Fake, verdict: Verdict, found: str) -> None:
    finding = check(kernel)
    assert finding.verdict is verdict
    assert found in finding.found
    assert verdict is OK or finding.advice


def test_a_good_machine_lacks_nothing() -> None:
    assert {check(Fake()).verdict for check in KERNEL_CHECKS} == {OK}
    assert checks.daemon_python().verdict is OK


@pytest.mark.parametrize(
    ("kind", "version", "lacking", "verdict"),
    [
        ("cpython", "3.9.0", "-", OK),
        ("cpython", "3.13.1", "-", OK),
        ("cpython", "3.8.19", "-", MISSING),
        ("cpython", "3.12.0", "_ctypes", LIMITED),
        ("cpython", "3.12.0", "fcntl,_ctypes", MISSING),
        ("pypy", "3.10.0", "-", LIMITED),
    ],
)
def test_the_workers_python_is_judged(kind: str, version: str, lacking: str, verdict: Verdict) -> None:
    assert doctor.judge_python(kind, version, lacking, "/a python").verdict is verdict


@pytest.mark.parametrize(
    ("script", "found"), [("exit 3", "is not a Python"), ("echo a b", "is not a Python"), (None, "not found")]
)
def test_what_is_no_python_is_missing(tmp_path: Path, script: str | None, found: str) -> None:
    path = tmp_path / "python"
    if script is not None:
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
    finding = doctor.workers_python(str(path))
    assert (finding.verdict, found in finding.found) == (MISSING, True)


def test_this_kernel_answers() -> None:
    kernel = Kernel()
    assert kernel.pidfd() is kernel.subreaper() is kernel.sealed_memory() is None
    assert kernel.sees_others()
    assert kernel.lists_children()
    assert isinstance(kernel.landlock(), (int, str))
    assert kernel.text("/proc/nothing") is None


async def test_doctor_finds_nothing_missing_here(client: Client, url: str) -> None:
    port = url.rpartition(":")[2]
    (table, _), (text, _) = await asyncio.gather(
        run("doctor", "--port", port), run("doctor", "--json", INTERPRETERD_PORT=port)
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


async def test_doctor_says_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        asking = asyncio.create_task(run("doctor", "--python", "no-such-python", "--port", port, status=1))
        other.setblocking(False)
        connection, _ = await asyncio.get_running_loop().sock_accept(other)
        connection.close()
        out, _ = await asking
    lines = {line.split("  ")[0]: " ".join(line.split()) for line in out.splitlines()}
    assert lines["workers' Python"].startswith(
        "workers' Python missing no-such-python not found; name another: --python PATH"
    )
    assert lines["address"].endswith(
        f"port {port} on 127.0.0.1 is in use by another program; --port 0 picks a free one"
    )


def test_addresses(tmp_path: Path) -> None:
    assert doctor.address("127.0.0.1", 0).verdict is OK
    assert doctor.address("192.0.2.1", 0).verdict is MISSING  # RFC 5737: nobody's
    path = tmp_path / "a.sock"
    assert doctor.path(str(path)) == Finding("address", OK, f"{path} is free")
    assert not path.exists()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        assert doctor.path(str(path)) == Finding("address", OK, f"a program listens on {path}")
    assert doctor.path(str(tmp_path / "no" / "a.sock")).verdict is MISSING


# All of them


@pytest.mark.parametrize("name", ["top", "bench", "config", "doctor"])
def test_help_teaches_by_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    assert f"\n  Examples:\n    interpreterd {name}" in capsys.readouterr().out


def test_what_a_terminal_is_shown() -> None:
    assert plain("a\x1b[0m\r\n\u202eé") == r"a\x1b[0m\r\n\u202eé"
    assert (megabytes(999_949_999), megabytes(1_500_000_000)) == ("999.9 MB", "1.50 GB")


# What serve imports


def printed(script: str) -> list[str]:
    """Return what a Python that has just started prints, as words."""
    command = [COMMAND.with_name("python"), "-c", script]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment()).stdout.split()


def test_serve_imports_nothing_of_the_command_line() -> None:
    """It would make the daemon slower to start, and larger."""
    imported = printed(
        "import sys, interpreterd.__main__, interpreterd.start, interpreterd.daemon; print(*sys.modules)"
    )
    unwanted = ("click", "rich", "prompt_toolkit", "interpreterd.cli", "interpreterd.client")
    assert [name for name in imported if name.startswith(unwanted)] == []
    assert "interpreterd.dialects.native.contexts" in imported


def test_serve_reads_no_certificates_and_leaves_all_as_it_was() -> None:
    script = """
import gc, ssl
from interpreterd.start import _quick_imports
before = ssl.create_default_context, ssl.SSLContext.set_default_verify_paths
with _quick_imports():
    import aiohttp.connector
    assert not gc.isenabled()
made = aiohttp.connector._SSL_CONTEXT_VERIFIED
print(type(made).__name__, made.verify_mode.name, made.check_hostname, gc.isenabled())
print((ssl.create_default_context, ssl.SSLContext.set_default_verify_paths) == before)
"""
    assert printed(script) == ["_ReadLater", "CERT_REQUIRED", "True", "True", "True"]
