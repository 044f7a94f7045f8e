"""OpenSandbox's SDKs, unmodified."""

import pytest
from outside import Outcomes, checks


@pytest.mark.parametrize(("program", "check"), checks("opensandbox_python.py", "opensandbox_async.py"))
def test_sdk(outcomes: Outcomes, program: str, check: str) -> None:
    outcomes.judge(program, check)
