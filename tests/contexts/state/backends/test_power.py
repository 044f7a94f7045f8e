"""The power fails at 200 random points: what was told to be there is there, and all that is there is whole."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT

SUPPORT = ROOT / "tests" / "support"
RUNS = 50


@pytest.mark.parametrize("seed", range(4))
def test_nothing_half_written_is_taken_for_whole(tmp_path: Path, seed: int) -> None:
    done = subprocess.run(
        [sys.executable, SUPPORT / "power.py", tmp_path / "state", str(seed), str(RUNS)],
        env={**os.environ, "PYTHONPATH": f"{SUPPORT}:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) > RUNS // 4  # some of the writers have come to tell something
