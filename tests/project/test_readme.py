"""README's commands and examples, as a reader tries them."""

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from described import OPERATIONS
from documents import Reader, blocks, clean, commands
from harness import PREFIX, Client, Daemon, gone
from paths import ROOT
from standing import SharedDaemon

from interpreterd.cli.main import COMMANDS
from interpreterd.client import Interpreter

README = (ROOT / "README.md").read_text("utf-8")
DOCUMENTED_URL = "http://127.0.0.1:3987"
StartDaemon = Callable[..., Awaitable[Daemon]]


def block(language: str, containing: str) -> str:
    """Return the text of README's only code block of ``language`` that contains ``containing``."""
    blocks = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    (found,) = [text for text in blocks if containing in text]
    return str(found)


@contextlib.asynccontextmanager
async def command(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a command in the project's folder; its process group ends with the block."""
    # A make around the tests sets these variables for makes below it.
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name != "MFLAGS"
    }
    process = await asyncio.create_subprocess_exec(
        *arguments,
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        await process.wait()


async def output_of(*arguments: str) -> str:
    async with command(*arguments) as process:
        output, _ = await process.communicate()
        assert process.returncode == 0, output
        return output.decode()


async def test_make_run_starts_a_daemon_that_the_examples_work_with(tmp_path: Path) -> None:
    # -o: do not rebuild the environment, which other tests use now.
    async with command("make", "-o", ".venv/.has-run", "run", "ARGS=--port 0") as process:
        assert process.stdout is not None
        announced = json.loads(await process.stdout.readline())
        url = announced["url"]

        curl = block("console", "$ curl -d").splitlines()[0].removeprefix("$ ").replace(DOCUMENTED_URL, url)
        context = json.loads(await output_of("sh", "-c", curl))
        assert context["cwd"] == "/tmp"
        documented = json.loads(block("console", "$ curl -d").splitlines()[1])
        assert context.keys() == documented.keys()

        example = tmp_path / "client.py"
        example.write_text(
            block("python", "ws_connect").replace(DOCUMENTED_URL.removeprefix("http"), url.removeprefix("http"))
        )
        printed = await output_of(sys.executable, str(example))
        texts = re.findall(r"'type': 'stdout', 'text': '(.*?)'", printed)
        assert "".join(texts) == "20\\n21\\n22\\n"
        assert "ZeroDivisionError" in printed
        os.kill(announced["pid"], signal.SIGTERM)
        await gone(announced["pid"])


async def test_the_client_needs_no_daemon(tmp_path: Path) -> None:
    example = tmp_path / "local.py"
    example.write_text(block("python", "Interpreter.local"))
    printed = (await output_of(sys.executable, str(example))).splitlines()
    assert printed[0] == "/tmp"
    assert len([line for line in printed if line.startswith("Output(")]) >= 1
    assert printed[-1] == "completed ZeroDivisionError division by zero"


async def test_a_daemon_starts_as_shown(tmp_path: Path, start_daemon: StartDaemon) -> None:
    shown = block("console", "$ interpreterd serve").removeprefix("$ ")
    flags = shown.replace("/workspace/.venv/bin/python", sys.executable).replace("/workspace", str(tmp_path)).split()
    daemon = await start_daemon(*flags[2:])
    async with Client(daemon.url) as client:
        result = await client.run("import os, sys; print(os.getcwd(), sys.executable)")
    assert result.stdout == f"{tmp_path} {sys.executable}\n"


def test_a_terminal_does_as_shown(standing_daemon: SharedDaemon, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text("print(6 * 7)")
    (shown,) = [shown for shown in blocks(ROOT / "README.md") if "$ interpreterd run" in shown.text]
    with Interpreter(standing_daemon.url) as py, py.create_context() as context, Reader(tmp_path) as reader:
        reader.url = standing_daemon.url
        reader.run(f"id={context.id}")
        for line, _ in commands(shown):
            name = line.split()[1]
            assert name in COMMANDS
            if name not in ("repl", "top"):  # other tests run these commands on a terminal
                assert {"run": "42", "contexts": context.id}[name] in reader.run(line)
    clean(standing_daemon.url)


def test_every_block_is_tried_here() -> None:
    tried = ("make run", "$ curl -d", "$ interpreterd serve", "$ interpreterd run", "ws_connect", "Interpreter.local")
    found = re.findall(r"```\w+\n(.*?)```", README, re.DOTALL)
    assert len(found) * 2 == README.count("```")
    assert [text for text in found if not any(start in text for start in tried)] == []


def test_every_documented_file_exists() -> None:
    names = [name.partition("#")[0] for name in re.findall(r"\]\((?!https?:)([^)]+)\)", README)]
    assert {"PROTOCOL.md", "THREATS.md", "ARCHITECTURE.md"} <= set(names)
    assert [name for name in names if not (ROOT / name).exists()] == []


def test_the_table_of_routes_is_complete() -> None:
    table = README.partition("| route | what it does |\n")[2].partition("\n\n")[0]
    shown = {(method.lower(), path) for method, path in re.findall(r"`(GET|POST|PUT|PATCH|DELETE) (/[\w/{}.]+)", table)}
    assert shown == {(method, path.removeprefix(PREFIX)) for method, path, _ in OPERATIONS.values()}


# The comparison


def rows(table: str) -> dict[str, list[str]]:
    """Return the cells of each row of a Markdown table, by the row's first cell."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    return {first: others for first, *others in lines}


def first_number(text: str) -> float:
    return float(re.findall(r"[\d.]+", text)[0])


COMPARED = rows(README.partition("## Compared with\n\n")[2].partition("\n\n")[0])
RESULTS = (ROOT / "benchmarks/RESULTS.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("row", "ours", "peer"),
    [
        (
            "`pass` in a ready context, p50",
            "`pass`, new WebSocket, connect to close frame, p50",
            "peer: a Jupyter kernel executes `pass`, connected, p50",
        ),
        (
            "new context and its first code, p50",
            "create a context and run `pass`, warm pool, p50",
            "peer: a Jupyter kernel's start and first `pass`, p50",
        ),
        (
            "memory that a context adds",
            "memory a context adds (PSS), 50 spawned",
            "peer: memory one more Jupyter kernel adds (PSS)",
        ),
    ],
)
def test_the_comparison_shows_what_was_measured(row: str, ours: str, peer: str) -> None:
    """The numbers agree roughly: a new run may differ by some percent."""
    for shown, what in zip(COMPARED[row], (ours, peer), strict=False):
        table = RESULTS.partition("<!-- results: begin -->")[2].partition("<!-- results: end -->")[0]
        (measured,) = re.findall(rf"\| {re.escape(what)} \| [^|]*\| ([^|]*)\|", table)
        assert first_number(shown) == pytest.approx(first_number(measured), rel=0.25), what


def test_the_comparison_shows_what_other_servers_cost() -> None:
    measured = rows(RESULTS.partition("## Other servers\n")[2].partition("\n\n| ")[2].partition("\n\n")[0])
    servers = [measured[name] for name in ("Jupyter Kernel Gateway", "E2B's code interpreter", "Daytona's daemon")]
    for row, column in zip(COMPARED, (None, None, None, 1, 2, 4), strict=False):
        if column is not None:
            for shown, cells in zip(COMPARED[row][2:], servers, strict=True):
                assert first_number(shown) == pytest.approx(first_number(cells[column]), rel=0.02), (row, cells)
