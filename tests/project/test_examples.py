"""The examples, as a reader runs them. ``test_page.py`` tests the page for browsers."""

import asyncio
import importlib.util
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from browser import browser
from harness import Client
from paths import ROOT
from worker_driver import unnamed

from interpreterd.client import Interpreter

EXAMPLES = ROOT / "examples"
PROGRAMS = sorted(EXAMPLES.glob("*.py"))
# A private daemon runs code with the program's own Python, here the tests' Python.
PRIVATE = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "INTERPRETERD"))}


def run(*arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run an example to its end."""
    return subprocess.run([sys.executable, *arguments], env=PRIVATE | variables, capture_output=True, text=True)


def load(name: str) -> ModuleType:
    """Import an example under a unique name."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_it_says_how_it_is_run(program: Path) -> None:
    helped = run(program, "--help")
    assert (helped.returncode, helped.stderr) == (0, "")
    assert helped.stdout.startswith(f"usage: {program.name}")
    command = f"python examples/{program.name}"
    assert command in program.read_text().split('"""')[1]
    readme = (EXAMPLES / "README.md").read_text()
    assert f"]({program.name})" in readme
    assert f"$ {command}" in readme


# csv_picture.py


def test_a_csv_becomes_a_picture_and_progress_comes_as_it_happens(tmp_path: Path) -> None:
    csv, picture = tmp_path / "csv", tmp_path / 'it\'s a "picture".png'
    os.mkfifo(csv)  # the program waits at this FIFO until the test writes to it
    command = [sys.executable, EXAMPLES / "csv_picture.py", picture, "--csv", csv]
    with subprocess.Popen(command, env=PRIVATE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "--- read\n"
            assert process.stdout.readline() == f"reading {csv}\n"
            csv.write_bytes((EXAMPLES / "weather.csv").read_bytes())
            rest = process.stdout.read()
        finally:
            process.terminate()
    assert process.returncode == 0
    assert rest.startswith("156 weeks of 3 stations\n--- analyse\nharbour ")
    assert rest.endswith(f"--- draw\nsaved {picture}\n")
    size = picture.read_bytes()[:24]
    assert size.startswith(b"\x89PNG\r\n\x1a\n")
    assert (int.from_bytes(size[16:20]), int.from_bytes(size[20:24])) == (960, 720)


def test_a_csv_that_is_not_there_is_a_traceback(tmp_path: Path) -> None:
    failed = run(EXAMPLES / "csv_picture.py", tmp_path / "picture.png", "--csv", tmp_path / "nothing.csv")
    assert failed.returncode == 1
    assert unnamed(failed.stderr).startswith('Traceback (most recent call last):\n  File "<cell>", line 6')
    assert failed.stderr.splitlines()[-1].startswith("csv_picture: FileNotFoundError: ")
    assert os.listdir(tmp_path) == []


# agent.py


class Recorded:
    """A model that gives the planned replies in order, repeats the last one, and keeps all prompts."""

    def __init__(self, *replies: str) -> None:
        self._replies = replies
        self.told: list[str] = []

    def reply(self, messages: list[dict[str, str]]) -> str:
        self.told.append(messages[-1]["content"])
        return self._replies[min(len(self.told), len(self._replies)) - 1]


Ask = Callable[..., Awaitable[str]]


@pytest.fixture(scope="session")
def agent() -> ModuleType:
    return load("agent")


@pytest.fixture
def ask(agent: ModuleType, url: str) -> Ask:
    """Let a model solve a task in a context of the shared daemon."""

    def solve(model: Recorded, **options: Any) -> str:
        with Interpreter(url) as py, py.create_context() as context:
            return str(agent.solve(model, context, "the task", **options))

    return lambda *arguments, **options: asyncio.to_thread(solve, *arguments, **options)


def code(source: str) -> str:
    return f"Let me see.\n```python\n{source}\n```\nThat should do."


def test_the_agent_reads_the_error_and_repairs_its_code() -> None:
    ran = run(EXAMPLES / "agent.py")
    assert (ran.returncode, ran.stderr) == (0, "")
    steps = re.split(r"^--- (.*)\n", ran.stdout, flags=re.MULTILINE)[1:]
    assert steps[::2] == ["the model runs", "and is told"] * 2 + ["answer"]
    assert "looking below 10000\n" in steps[3]
    assert "NameError: name 'math' is not defined" in steps[3]
    assert steps[9] == "There are 1229 primes below 10,000.\n"


def test_the_agent_that_needs_more_attempts_than_it_has_says_so() -> None:
    ran = run(EXAMPLES / "agent.py", "--attempts", "1")
    assert (ran.returncode, ran.stderr) == (1, "agent: no answer after 1 attempts\n")


async def test_the_agent_stops_after_its_attempts_and_keeps_state_between_them(
    agent: ModuleType, ask: Ask, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    model = Recorded(code(f"n = globals().get('n', 0) + 1\nprint(n, file=open({str(ran)!r}, 'w'))\nprint(n)"))
    with pytest.raises(agent.GaveUp):
        await ask(model, attempts=3)
    assert model.told == ["the task", "stdout:\n1\n", "stdout:\n2\n", "stdout:\n3\n"]
    assert ran.read_text() == "3\n"


async def test_the_agent_tells_its_model_a_bounded_part(agent: ModuleType, ask: Ask) -> None:
    source = """
import sys
print("first", "x" * 1_000_000, "last")
print("a warning", file=sys.stderr)
raise ValueError("y" * 1_000_000 + "why")
"""
    model = Recorded(code(source), "I see.")
    assert await ask(model) == "I see."
    told = model.told[1]
    assert len(told) < 3 * agent.SHOWN_CHARS
    for text in ("stdout:\nfirst x", "x last\n", "stderr:\na warning\n", "error:\nTraceback", "why"):
        assert text in told


async def test_the_agent_outlives_an_endless_loop_and_a_dead_python(ask: Ask) -> None:
    sources = ["x = 1\nwhile True: pass", "print(x)", "import os; os._exit(3)", "print(x)"]
    model = Recorded(*map(code, sources), "done")
    assert await ask(model, timeout=1) == "done"
    _, looped, kept, died, lost = model.told
    assert "TimeoutError" in looped
    assert kept == "stdout:\n1\n"
    assert "WorkerDied: exit status 3" in died
    assert "Python was restarted" in died
    assert "NameError: name 'x' is not defined" in lost


# hundred.py


def expected(contexts: int, throws: int) -> str:
    """Return the expected output. The example's dice are seeded."""
    inside = 0
    for seed in range(contexts):
        dice = random.Random(seed)
        inside += sum(dice.random() ** 2 + dice.random() ** 2 < 1 for _ in range(10 * throws))
    return f"pi is about {4 * inside / (contexts * 10 * throws):.5f}\n"


def test_a_hundred_contexts_and_a_bar() -> None:
    ran = run(EXAMPLES / "hundred.py", "--throws", "50")
    assert (ran.returncode, ran.stdout) == (0, expected(100, 50)), ran.stderr
    assert re.search(r"^contexts +━+ +100/100 ", ran.stderr, re.MULTILINE)
    assert re.search(r"^rounds +━+ +1000/1000 ", ran.stderr, re.MULTILINE)


async def test_contexts_of_a_daemon_that_is_there(client: Client, url: str) -> None:
    before = await client.request("GET", "/contexts")
    ran = await asyncio.to_thread(
        run, EXAMPLES / "hundred.py", "--contexts", "5", "--throws", "50", INTERPRETERD_URL=url
    )
    assert (ran.returncode, ran.stdout) == (0, expected(5, 50)), ran.stderr
    assert await client.request("GET", "/contexts") == before


async def test_no_more_run_at_once_than_may(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hundred = load("hundred")
    running = str(tmp_path / "running")
    alone = f"import os; os.close(os.open({running!r}, os.O_CREAT | os.O_EXCL))"  # dnf fails while another dnf runs
    monkeypatch.setattr(hundred, "THROW", f"{alone}\n{hundred.THROW}\nos.remove({running!r})")
    monkeypatch.setenv("INTERPRETERD_URL", url)
    assert f"pi is about {await hundred.estimate(4, 20_000, 1):.5f}\n" == expected(4, 20_000)


@pytest.mark.parametrize("name", ["agent", "hundred", "repairs"])
def test_a_daemon_that_is_not_there_is_one_sentence(name: str, tmp_path: Path) -> None:
    failed = run(EXAMPLES / f"{name}.py", INTERPRETERD_URL=f"unix:{tmp_path}/nobody")
    assert failed.returncode == 1
    assert failed.stderr.splitlines()[-1].startswith(f"{name}: ")
    assert "Traceback" not in failed.stderr


# make installs the browser and other packages that tests need


PROGRAMS = ["chromium", "chromedriver", "wscat", "nginx", "haproxy", "node", "npm"]
PACKAGES = ("chromium", "chromium-driver", "node-ws", "nginx", "haproxy", "nodejs", "npm")
INSTALLING = "Installing chromium, chromium-driver, node-ws, nginx, haproxy, nodejs and npm\n"


@pytest.mark.parametrize(
    ("there", "apt_get", "said"),
    [
        pytest.param(
            ["chromium", "chromedriver", "wscat", "nginx", "haproxy", "node", "npm"], "exit 1", "", id="there"
        ),
        pytest.param(["chromium"], "echo noise; echo noise >&2", INSTALLING, id="installed"),
        pytest.param(
            [],
            "exit 100",
            INSTALLING + f"That did not work: apt-get install {' '.join(PACKAGES)} says why\n",
            id="cannot be installed",
        ),
    ],
)
def test_make_brings_what_debian_has(tmp_path: Path, there: list[str], apt_get: str, said: str) -> None:
    """It is quiet. If it fails, the other tests still run, and the tests of the page fail."""
    asked = tmp_path / "asked"
    for name in ("sh", "env", "id", "sed", "find", "python3"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    programs = dict.fromkeys(there, "") | {"sudo": 'shift; exec "$@"', "apt-get": f'echo "$@" >> {asked}\n{apt_get}'}
    for name, source in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{source}\n")
        (tmp_path / name).chmod(0o755)
    make = [str(shutil.which("make")), "-C", ROOT, "--no-print-directory", "programs"]
    made = subprocess.run(make, env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert (made.returncode, made.stdout, made.stderr) == (0, "", said)
    commands = [line.partition("Timeout=120 ")[2] for line in asked.read_text().splitlines()] if said else []
    update, install = "update", f"install --no-install-recommends {' '.join(PACKAGES)}"
    assert commands == {"exit 1": [], "exit 100": [update]}.get(apt_get, [update, install])


def test_without_the_browser_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with (
        pytest.raises(pytest.fail.Exception, match=r"^the page .*: apt-get install chromium chromium-driver$"),
        browser(),
    ):
        pass
