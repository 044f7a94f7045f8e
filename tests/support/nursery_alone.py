"""Runs a nursery in a new Python. In the test's process it would adopt the test's own children."""

import os
import subprocess
import sys

from paths import ROOT

BEGINNING = """
import asyncio, logging, os, signal, subprocess, sys, time
from interpreterd.processes.families import children, parent_and_start
from interpreterd.processes.nursery import Nursery
logging.basicConfig(format="%(message)s", stream=sys.stdout)

def leave_an_orphan():
    reader, writer = os.pipe()
    if not os.fork():
        if not os.fork():
            os.write(writer, b"%d" % os.getpid())
            while True: signal.pause()
        os._exit(0)
    os.wait()
    return int(os.read(reader, 99))
"""


def run(code: str) -> list[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests' / 'support'}"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
