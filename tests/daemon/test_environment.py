"""Environment variables that a Python reads at its start or later work as for a plain ``python``."""

import asyncio
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from harness import Client, Daemon
from worker_driver import DrivenWorker, clean_environment, find_pythons

StartDaemon = Callable[..., Awaitable[Daemon]]
# Code whose output shows whether the variables had an effect.
SEEN = (
    "import sys, os, time, locale\n"
    "print(sys.flags, sys.warnoptions, sys.path[:2], sys.pycache_prefix, hash('a') == hash('a' + ''))\n"
    "print(hash('some text') if sys.flags.hash_randomization == 0 or os.environ.get('PYTHONHASHSEED') else None)\n"
    "print(sys.stdout.encoding, sys.stderr.errors, time.tzname, locale.getpreferredencoding(False))\n"
    "print(getattr(sys, 'get_int_max_str_digits', int)(), sys._getframe().f_code.co_filename == '')\n"
    "print('faulthandler' in sys.modules and sys.modules['faulthandler'].is_enabled())\n"
    "print('warnings' in sys.modules and [f[0] for f in sys.modules['warnings'].filters])\n"
    "try:\n    assert False\nexcept AssertionError:\n    print('asserted')\n"
    "import tracemalloc; print(tracemalloc.is_tracing(), tracemalloc.get_traceback_limit())\n"
    "print(site.ENABLE_USER_SITE, site.getuserbase()) if (site := sys.modules.get('site')) else None\n"
)
AT_START = [
    {"PYTHONHASHSEED": "0"},
    {"PYTHONHASHSEED": "4711"},
    {"PYTHONOPTIMIZE": "1"},
    {"PYTHONOPTIMIZE": "2"},
    {"PYTHONWARNINGS": "error"},
    {"PYTHONWARNINGS": "ignore::DeprecationWarning,default::UserWarning"},
    {"PYTHONFAULTHANDLER": "1"},
    {"PYTHONDEVMODE": "1"},
    {"PYTHONUTF8": "1", "LC_ALL": "C"},
    {"PYTHONUTF8": "0", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"},
    {"LC_ALL": "C.UTF-8"},
    {"TZ": "Asia/Tokyo"},
    {"TZ": "XYZ-3"},
    {"PYTHONTRACEMALLOC": "3"},
    {"PYTHONINTMAXSTRDIGITS": "1000"},
    {"PYTHONMALLOC": "debug"},
    {"PYTHONNODEBUGRANGES": "1"},
    {"PYTHONSAFEPATH": "1"},
    {"PYTHONPYCACHEPREFIX": "/tmp/nowhere"},
    {"PYTHONUSERBASE": "/tmp/nowhere"},
    {"PYTHONNOUSERSITE": "1"},
    {"HOME": "/tmp/nowhere"},
    {"PYTHONPATH": "/first:/second"},
    {"PYTHONUNBUFFERED": "1"},
]


def name_of(env: dict[str, str]) -> str:
    return ",".join(f"{name}={value}" for name, value in env.items())


def plain(python: str, env: dict[str, str], cwd: Path, code: str = SEEN) -> str:
    """Return the output of a plain Python."""
    ran = subprocess.run(
        [python, "-c", "import sys; sys.argv = ['']\n" + code],
        capture_output=True,
        encoding="utf-8",
        check=True,
        cwd=cwd,
        env=clean_environment() | {"PYTHONIOENCODING": "utf-8"} | env,
    )
    return ran.stdout


class TestOfTheDaemon:
    """Workers start with the daemon's variables."""

    @pytest.mark.parametrize("env", AT_START, ids=name_of)
    def test_is_that_of_the_code(self, edge_worker: DrivenWorker, tmp_path: Path, env: dict[str, str]) -> None:
        with DrivenWorker(edge_worker.python, tmp_path, env) as worker:
            assert worker.run(SEEN).stdout.splitlines() == plain(worker.python, env, tmp_path).splitlines()
            assert worker.run("1 / 0").error is not None
            assert worker.run("print(1)").stdout == "1\n"

    def test_warnings_as_errors_do_not_hit_the_worker(self, worker: DrivenWorker, tmp_path: Path) -> None:
        with DrivenWorker(worker.python, tmp_path, {"PYTHONWARNINGS": "error", "PYTHONDEVMODE": "1"}) as strict:
            error = strict.run("import warnings; warnings.warn('mine')").error
            assert error is not None
            assert error["name"] == "UserWarning"
            code = "import threading, inspect, linecache, getpass\nclass A: pass\nprint(inspect.getsource(A))"
            assert strict.run(code).stdout == "class A: pass\n\n"
            ran = strict.run("print('x', end=''); import os; pid = os.fork()\nif not pid: os._exit(0)\nos.wait()")
            assert (ran.error, ran.stderr, ran.stdout) == (None, "", "x")

    def test_a_crash_is_told_by_the_faulthandler(self, worker: DrivenWorker, tmp_path: Path) -> None:
        with DrivenWorker(worker.python, tmp_path, {"PYTHONFAULTHANDLER": "1"}) as watched:
            ran = watched.run("import ctypes; ctypes.string_at(0)")
            assert ran.message is None
            assert "Fatal Python error: Segmentation fault" in ran.stderr

    def test_errors_of_output(self, worker: DrivenWorker, tmp_path: Path) -> None:
        with DrivenWorker(worker.python, tmp_path, {"PYTHONIOENCODING": ":replace"}) as lenient:
            assert lenient.printed(r"print('a\udc80b')") == "a?b\n"

    @pytest.mark.parametrize("value", ["0", "os.getpid", ""])
    def test_breakpoint(self, worker: DrivenWorker, value: str) -> None:
        code = "import builtins; print(breakpoint())" if value else "import os; print(os.environ['PYTHONBREAKPOINT'])"
        printed = worker.printed(code, PYTHONBREAKPOINT=value)
        assert printed == {"0": "None\n", "os.getpid": f"{worker.pid}\n", "": "\n"}[value]

    def test_nothing_in_the_root_directory_is_imported(self, worker: DrivenWorker) -> None:
        assert worker.printed("import sys; print([p for p in sys.path if p == '/'], sys.path[0] == '')") == "[] True\n"

    async def test_with_a_daemon_of_each_kind(self, start_daemon: StartDaemon, tmp_path: Path) -> None:
        env = {"PYTHONHASHSEED": "7", "PYTHONOPTIMIZE": "1", "PYTHONWARNINGS": "error::UserWarning"}
        code = (
            "import sys; print(hash('a'), sys.flags.optimize, sys.warnoptions, sys.flags.isolated, sys.flags.no_site)"
        )
        for flags in ([], ["--launcher", "fork"]):
            daemon = await start_daemon(*flags, env=env)
            async with Client(daemon.url) as client:
                seen = (await client.run(code, await client.create())).stdout
                python = find_pythons()["3.11"]
                assert seen == await asyncio.to_thread(plain, python, env, tmp_path, code)


class TestOfAContext:
    @pytest.mark.parametrize(
        "env",
        [*AT_START, {"PYTHONBREAKPOINT": "0"}, {"MALLOC_ARENA_MAX": "1"}, {"LD_LIBRARY_PATH": "/nowhere"}],
        ids=name_of,
    )
    async def test_is_that_of_the_code(self, client: Client, tmp_path: Path, env: dict[str, str]) -> None:
        context = await client.create(cwd=str(tmp_path), envs=env)
        executable = (await client.run("import sys; print(sys.executable)", context)).stdout.strip()
        ran = await client.run(SEEN, context)
        assert ran.error is None
        assert ran.stdout.splitlines() == (await asyncio.to_thread(plain, executable, env, tmp_path)).splitlines()
        code = f"import os; print({{name: os.environ.get(name) for name in {list(env)}}} == {env})"
        assert (await client.run(code, context)).stdout == "True\n"
        assert "INTERPRETERD_PYTHONPATH" not in (await client.run("print(dict(os.environ))", context)).stdout

    async def test_a_breakpoint_that_is_turned_off(self, client: Client) -> None:
        context = await client.create(envs={"PYTHONBREAKPOINT": "0"})
        assert (await client.run("print(breakpoint())", context)).stdout == "None\n"

    async def test_a_relative_path_is_relative_to_its_directory(self, client: Client, tmp_path: Path) -> None:
        (tmp_path / "library").mkdir()
        (tmp_path / "library" / "mine.py").write_text("x = 'found'")
        context = await client.create(cwd=str(tmp_path), envs={"PYTHONPATH": "library"})
        code = "import mine, os; print(mine.x, os.environ['PYTHONPATH'])"
        assert (await client.run(code, context)).stdout == "found library\n"
        code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import mine; print(mine.x)'])"
        assert (await client.run(code, context)).stdout == "found\n"

    async def test_stays_with_a_new_worker(self, client: Client) -> None:
        context = await client.create(envs={"PYTHONHASHSEED": "7"})
        first = (await client.run("print(hash('a'))", context)).stdout
        assert (await client.run("exit()", context)).error is None
        assert (await client.run("print(hash('a'))", context)).stdout == first

    async def test_a_variable_that_python_cannot_start_with(self, client: Client) -> None:
        status, body = await client.request("POST", "/context", json={"envs": {"PYTHONHASHSEED": "none"}})
        assert (status, body["code"]) == (500, "worker_start_failed")
        assert "PYTHONHASHSEED" in body["error"]

    async def test_an_encoding_that_cannot_work_is_refused(self, client: Client) -> None:
        status, body = await client.request("POST", "/context", json={"envs": {"PYTHONIOENCODING": "latin-1"}})
        assert (status, body["code"]) == (400, "invalid_request")
        assert "PYTHONIOENCODING" in body["error"]
        context = await client.create(envs={"PYTHONIOENCODING": "utf8:replace"})
        assert (await client.run(r"print('\udc80')", context)).stdout == "?\n"

    async def test_with_a_template(self, start_daemon: StartDaemon) -> None:
        daemon = await start_daemon("--launcher", "fork")
        async with Client(daemon.url) as client:
            seeds = []
            for envs in ({"PYTHONHASHSEED": "7"}, {"PYTHONHASHSEED": "8"}, {"PYTHONHASHSEED": "7"}):
                context = await client.create(envs=envs)
                seeds.append((await client.run("print(hash('a'))", context)).stdout)
            assert seeds[0] == seeds[2] != seeds[1]
            parent = "import os; print(os.getppid())"
            spawned = (await client.run(parent, context)).stdout
            forked = (await client.run(parent, await client.create(envs={"TZ": "UTC", "MINE": "1"}))).stdout
            assert spawned == f"{daemon.pid}\n" != forked, "others are still forked"


class TestOfAnExecution:
    def test_a_time_zone_is_for_it_alone(self, worker: DrivenWorker) -> None:
        code = "import time; print(time.tzname[0], time.strftime('%H', time.localtime(0)))"
        before = worker.printed(code)
        assert worker.printed(code, TZ="ABC-5") == "ABC 05\n"
        assert worker.printed(code) == before
        worker.run("1 / 0", TZ="ABC-5")
        assert worker.printed(code) == before
        worker.printed("import os; os.environ['TZ'] = 'DEF-7'; time.tzset()")
        assert worker.printed(code, TZ="ABC-5") == "ABC 05\n"
        assert worker.printed(code) == "DEF 07\n"

    @pytest.mark.parametrize(
        "name",
        [
            "PYTHONHASHSEED",
            "PYTHONOPTIMIZE",
            "PYTHONWARNINGS",
            "PYTHONFAULTHANDLER",
            "PYTHONPATH",
            "PYTHONHOME",
            "PYTHONDEVMODE",
            "PYTHONIOENCODING",
            "PYTHON_GIL",
            "LD_PRELOAD",
            "LD_LIBRARY_PATH",
            "MALLOC_ARENA_MAX",
            "GLIBC_TUNABLES",
        ],
    )
    async def test_a_variable_that_comes_too_late_is_refused_by_name(self, client: Client, name: str) -> None:
        refused = await client.run("print(1)", envs={name: "1"})
        assert refused.close_code == 1008
        status, body = await client.request("POST", "/execute", json={"code": "print(1)", "envs": {name: "1"}})
        assert (status, body["code"]) == (400, "invalid_request")
        assert name in body["error"]
        assert body["error"].count(".") == 0

    async def test_what_is_read_later_is_not(self, client: Client) -> None:
        envs = {
            "PYTHONUNBUFFERED": "1",
            "PYTHONBREAKPOINT": "0",
            "PYTHONIOENCODING": "utf-8",
            "LANG": "C",
            "PYTHON": "x",
        }
        ran = await client.run("import os; print(breakpoint(), os.environ['LANG'])", envs=envs)
        assert (ran.stdout, ran.error) == ("None C\n", None)
