"""The token leaves the daemon's environment, also the one that the kernel shows."""

import subprocess
import sys

from interpreterd.secret import TOKEN_VARIABLE, take

PROGRAM = """
import os
from interpreterd.secret import take
print(take(os.environ), "INTERPRETERD_TOKEN" in os.environ)
shown = open("/proc/self/environ", "rb").read()
print(b"a-secret-token" in shown, b"OTHER=kept" in shown)
"""


def test_no_process_of_the_user_can_read_it_there() -> None:
    environ = {TOKEN_VARIABLE: "a-secret-token", "OTHER": "kept"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environ, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["a-secret-token", "False", "False", "True"]


def test_without_one_nothing_happens() -> None:
    environ = {"OTHER": "kept"}
    assert take(environ) == ""
    assert environ == {"OTHER": "kept"}
