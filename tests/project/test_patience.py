"""A test that waits for ever is ended, wherever it waits, and its stacks are printed; the suite goes on."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT
from terminal import HANG_S

TESTS = ROOT / "tests" / "support"
CONFTEST = f"""
import sys
import uvloop
sys.path.insert(0, {str(TESTS)!r})
import patience
patience.AGAIN_S = 1.0
patience.SILENCE_S = 0.5
patience.EXIT_S = 0.5

def pytest_configure(config):
    config.pluginmanager.register(patience.Patience(config))

def new_loop():
    loop = uvloop.new_event_loop()
    loop.set_exception_handler(patience.end_at_timeout)
    return loop

def pytest_asyncio_loop_factories(config, item):
    return {{"uvloop": new_loop}}
"""
WAITING = """
import asyncio, subprocess, threading
import pytest
from hypothesis import given, strategies as st

def forever():
    threading.Event().wait()

async def wait_for_ever():
    await asyncio.Event().wait()

@pytest.fixture
def late():
    yield
    forever()

@pytest.fixture
async def late_task(tmp_path):
    yield
    await wait_for_ever()

@given(st.integers())
def test_in_an_example(number): forever()

def test_in_a_process():
    with subprocess.Popen(["sleep", "20"]) as process:
        process.wait()

async def test_in_a_thread(): await asyncio.to_thread(forever)

async def test_in_what_comes_after_a_cancel():
    try:
        await wait_for_ever()
    finally:
        await wait_for_ever()

def test_in_a_fixture(late): pass

async def test_in_a_fixtures_task(late_task): pass

async def test_in_a_fixture_after_a_failure(late_task): assert False

@pytest.mark.timeout(60)
def test_afterwards(tmp_path): assert "afterwards" in str(tmp_path)
"""


@pytest.mark.timeout(180)  # a busy machine is slow
def test_a_test_that_waits_for_ever_is_ended_and_its_stacks_are_printed(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_waiting.py").write_text(WAITING)
    flags = ["-c", os.devnull, "--rootdir", tmp_path, "-p", "no:randomly", "-p", "no:cacheprovider", "-p", "no:xdist"]
    command = [sys.executable, "-m", "pytest", *flags, "-o", "asyncio_mode=auto", "--timeout", "1.5", "-rA", "."]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=2 * HANG_S, check=False)
    ended: dict[str, set[str]] = {}
    for line in ran.stdout.splitlines():
        if match := re.match(r"(PASSED|FAILED|ERROR) test_waiting\.py::test_(\w+)", line):
            ended.setdefault(match[2], set()).add(match[1])
    assert ended == {
        "in_an_example": {"FAILED"},
        "in_a_process": {"FAILED"},
        "in_a_thread": {"FAILED", "ERROR"},
        "in_what_comes_after_a_cancel": {"FAILED"},
        "in_a_fixture": {"PASSED", "ERROR"},
        "in_a_fixtures_task": {"PASSED", "ERROR"},
        "in_a_fixture_after_a_failure": {"FAILED", "ERROR"},
        "afterwards": {"PASSED"},
    }, ran.stdout
    assert "in forever" in ran.stderr, "where the thread is that hangs"
    assert "wait_for_ever()" in ran.stderr, "where the task is"
    assert "s without a word; running: test_waiting.py::test_in_an_example for" in ran.stderr
