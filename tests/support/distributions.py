"""Builds distributions with ``make``, and starts their programs in a nearly empty environment."""

import fcntl
import subprocess
import sys
from pathlib import Path

from paths import ROOT

PYTHONS = Path(sys.executable).parent  # folders with a python3
REPORT = """
import json, os, subprocess, sys
def said(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip()
print(json.dumps({
    "cwd": os.getcwd(),
    "environment": dict(os.environ),
    "executable": sys.executable,
    "child": said("print('a Python')"),
    "worker": said("import importlib.util as u; print(u.find_spec('worker'))"),
    "path": sys.path,
}))
"""


def make(target: str, recipe: str) -> Path:
    """Build a file with ``make`` if it is out of date; return its path. ``make`` names it in the file ``recipe``."""
    with open(ROOT / recipe) as file:
        # Another run of the tests may build at the same time.
        fcntl.flock(file, fcntl.LOCK_EX)
        # -o: never install into this environment while tests use it. It has everything that the build needs.
        command = ["make", "-C", ROOT, f"VENV={sys.prefix}", "-o", f"{sys.prefix}/.has-dist", target]
        made = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert made.returncode == 0, made.stdout
    return ROOT / target


def clean(program: Path, pythons: Path = PYTHONS, **variables: str) -> list[str]:
    """Return a command that starts ``program`` with only PATH and ``variables`` in its environment."""
    variables["PATH"] = f"{pythons}:/usr/bin:/bin"
    return ["env", "-i", *(f"{name}={value}" for name, value in variables.items()), str(program)]
