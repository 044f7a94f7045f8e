"""Completion: the scripts for shells, and the completions that they get."""

import pytest
from command import interpreterd

from interpreterd.cli.completion import SHELLS


@pytest.mark.parametrize(
    ("words", "cword", "offered"),
    [
        ("interpreterd ", "1", "serve"),
        ("interpreterd run --t", "2", "--timeout"),
        ("interpreterd serve --la", "2", "--launcher"),
    ],
)
def test_a_shell_completes(words: str, cword: str, offered: str) -> None:
    ran = interpreterd(_INTERPRETERD_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=cword)
    assert f"plain,{offered}" in ran.stdout.splitlines()


def test_without_a_daemon_no_id_is_offered() -> None:
    words = {"COMP_WORDS": "interpreterd run --context a", "COMP_CWORD": "3", "INTERPRETERD_URL": "unix:/nowhere"}
    assert interpreterd(_INTERPRETERD_COMPLETE="bash_complete", **words).stdout.strip() == ""


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_asks_the_command(shell: str) -> None:
    assert f"_INTERPRETERD_COMPLETE={shell}_complete" in interpreterd("completion", shell).stdout
