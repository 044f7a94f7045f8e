"""Distributions as ``make`` builds them, and how they are started: with next to nothing around them."""

import fcntl
import subprocess
import sys
from pathlib import Path

from paths import ROOT

PYTHONS = Path(sys.executable).parent  # where a python3 is
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
    """Return a file that ``make`` has made by way of the file ``recipe``, up to date."""
    with open(ROOT / recipe) as file:
        # Another run of the tests may do the same.
        fcntl.flock(file, fcntl.LOCK_EX)
        # -o: never install into this environment now, while tests use it; it has all that building needs.
        command = ["make", "-C", ROOT, f"VENV={sys.prefix}", "-o", f"{sys.prefix}/.has-dist", target]
        made = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert made.returncode == 0, made.stdout
    return ROOT / target


def clean(program: Path, pythons: Path = PYTHONS, **variables: str) -> list[str]:
    """Return the command that starts ``program`` in an environment that holds PATH and ``variables`` only."""
    variables["PATH"] = f"{pythons}:/usr/bin:/bin"
    return ["env", "-i", *(f"{name}={value}" for name, value in variables.items()), str(program)]
