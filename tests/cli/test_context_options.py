"""``context_options``: what is shown of contexts, and nothing that a terminal obeys."""

import pytest

from interpreterd.cli.context_options import shown_value, warn_of_lost, warn_of_skipped
from interpreterd.client import Lost, Skipped


def test_values_are_shown_as_people_read_them() -> None:
    shown = [shown_value(it) for it in (True, 3, "text", {"user": "ada", "job": "1"})]
    assert shown == ["true", "3", "text", "user=ada job=1"]


def test_names_that_code_has_chosen_cannot_change_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    warn_of_lost([Lost("thread", "\x1b[31mred")])
    warn_of_skipped([Skipped("g", "a generator:\nuse a list")])
    assert capsys.readouterr().err.splitlines() == [
        r"interpreterd: not carried: thread \x1b[31mred",
        r"interpreterd: not saved: g: a generator:\nuse a list",
    ]
