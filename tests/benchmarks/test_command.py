"""``python -m benchmarks``, as ``make bench`` starts it, in a new repository with this checkout's files."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from paths import ROOT

from benchmarks import servers, trees
from benchmarks.__main__ import main
from benchmarks.client import client

BROKEN = "raise SystemExit('no such luck')\n"
MARK = "\nimport builtins; builtins.MARK = 'here'\n"
COPIED = ("benchmarks", "interpreterd", "worker", "setup.cfg", "pyproject.toml")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository: its first commit has a broken daemon, its second is this checkout; its worker is changed."""
    root = tmp_path_factory.mktemp("checkout")
    leave_out = shutil.ignore_patterns("__pycache__", "_version.py")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / name, ignore=leave_out, symlinks=True)
        else:
            shutil.copy2(ROOT / name, root / name)
    entry = root / "interpreterd" / "__main__.py"
    whole = entry.read_text()
    git(root, "init", "-q", "-b", "main")
    for content in (BROKEN, whole):
        entry.write_text(content)
        git(root, "add", "-A")
        git(root, "commit", "-q", "-m", "A change")
    with (root / "worker" / "interpreter.py").open("a") as file:
        file.write(MARK)
    return root


def git(root: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@localhost", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", root, *identity, *arguments], check=True)


def start(checkout: Path, directory: Path, *arguments: str) -> "subprocess.Popen[str]":
    """Start the command in a new session, as from a terminal. Its temporary files are in ``directory``."""
    directory.mkdir()
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks", "--quick", *arguments],
        cwd=checkout,
        env=os.environ | {"TMPDIR": str(directory)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_a_comparison_measures_both_and_leaves_nothing(checkout: Path, tmp_path: Path) -> None:
    out, made = tmp_path / "run.json", tmp_path / "made"
    running = start(checkout, made, "--against", "HEAD", "--only", "cpu", "--rounds", "1", "--json", str(out))
    printed, errors = running.communicate()
    assert running.returncode == 0, errors
    run = json.loads(out.read_text())
    assert run.keys() == {"machine", "quick", "compared"}
    here, there = run["machine"]["here"], run["machine"]["there"]
    assert here["commit"] == there["commit"] == run["machine"]["commit"]
    assert (here["changed"], there["changed"]) == (True, False)
    # The benchmark measures a daemon only if the daemon reports this version.
    assert (here["version"], there["version"]) == (f"0+g{here['commit']}.changed", f"0+g{there['commit']}")
    assert len(run["compared"]) == 4
    for row in run["compared"]:
        assert row["figure"] == "cpu"
        assert len(row["ratios"]) == len(row["here_rounds"]) == len(row["there_rounds"]) == row["rounds"] == 1
        assert 0 < row["here"] < 1
        assert [row["ratio"]] == row["ratios"]
        assert row["what"] in printed
        assert row["verdict"] == "too few rounds to tell: at least 8 are needed"
    assert not list(made.iterdir())


def test_each_tree_has_its_own_worker_and_a_probe_in_its_daemon(checkout: Path, tmp_path: Path) -> None:
    python = servers.make_python(tmp_path / "python", packages=False)

    async def mark(tree: trees.Tree, directory: Path) -> str:
        program = servers.program_of(tree.python)
        async with servers.daemon(directory, program, python, probed=True) as server, client(server) as speaker:
            async with speaker.http.get(server.url + "/held") as response:
                assert (await response.json()).keys() == {"count", "p50", "p99", "max"}
            return await speaker.post("import builtins; print(getattr(builtins, 'MARK', 'none'))")

    here = trees.this_tree(checkout, tmp_path / "here")
    there = trees.tree_of("HEAD", checkout, tmp_path / "there")
    assert asyncio.run(mark(here, tmp_path / "here")) == "here\n"
    assert asyncio.run(mark(there, tmp_path / "there")) == "none\n"


def test_a_daemon_that_does_not_start_is_told_in_one_sentence(checkout: Path, tmp_path: Path) -> None:
    running = start(checkout, tmp_path / "made", "--against", "HEAD~1", "--only", "cpu")
    printed, errors = running.communicate()
    assert (running.returncode, printed) == (2, "")
    assert errors == "benchmarks: the daemon of HEAD~1 does not start: no such luck\n"
    assert not list((tmp_path / "made").iterdir())


def test_an_interrupt_leaves_nothing(checkout: Path, tmp_path: Path) -> None:
    made = tmp_path / "made"
    running = start(checkout, made, "--against", "HEAD", "--only", "cpu", "--rounds", "1000")
    assert running.stderr is not None
    told = running.stderr.read(5)
    assert told == "cpu …"
    assert list(made.iterdir())
    os.killpg(running.pid, signal.SIGINT)
    _, errors = running.communicate()
    assert running.returncode == 130, errors
    assert errors.strip() == "benchmarks: interrupted"
    assert not list(made.iterdir())
    with pytest.raises(ProcessLookupError):
        os.killpg(running.pid, 0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--against"], "expected one argument"),
        (["--rounds", "5"], "--rounds is for --against"),
        (["--against", "HEAD", "--rounds", "0"], "a number from 1 to 1000"),
        (["--against", "HEAD", "--rounds", "many"], "a number from 1 to 1000"),
        (["--against", "HEAD", "--only", "cpu,nope"], "no figure nope; there are execute, "),
        (["--update-results", "--only", "cpu"], "--update-results needs all figures"),
        (["--json", "/nowhere/at/all.json"], "--json: there is no directory /nowhere/at"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_measured(
    arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert said in capsys.readouterr().err


def test_a_revision_that_does_not_exist_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--against", "no-such-commit"])
    assert main() == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("benchmarks: ")
    assert told.err.count("\n") == 1
