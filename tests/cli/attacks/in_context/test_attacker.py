"""An attack runs in a child, and says how it went in one line."""

import errno
import json
import os
from typing import Any

import pytest

from interpreterd.cli.attacks.in_context import attacker


def said(capsys: pytest.CaptureFixture[str], code: str, **targets: Any) -> tuple[str, str]:
    attacker.run([("name", code)], targets)
    answer = json.loads(capsys.readouterr().out)
    assert answer.pop("name") == "name"
    return answer["verdict"], answer["said"]


@pytest.mark.parametrize(
    ("code", "verdict", "words"),
    [
        ("found = T.secret", "passed", "42"),
        ("open('/nonexistent')", "held", "ENOENT No such file or directory"),
        ("held('so')", "held", "so"),
        ("impossible('so')", "impossible", "so"),
        ("1 / 0", "broken", "ZeroDivisionError: division by zero"),
        ("1 +", "broken", "SyntaxError: invalid syntax (<attack>, line 1)"),
        ("os.kill(os.getpid(), 9)", "killed", "killed by SIGKILL"),
        ("os._exit(0)", "broken", "it said nothing"),
        ("found = any_of((('a', lambda: held('no')), ('b', lambda: 1)))", "passed", "b"),
        ("any_of((('a', lambda: held('no')), ('b', lambda: os.stat('/x/y'))))", "held", "a: no; b: ENOENT"),
        ("any_of(())", "held", "nothing to attack"),
        ("call('tgkill', 0, 0, 0, passes=(errno.EINVAL,))", "passed", ""),
        ("call('tgkill', 0, 0, 0)", "held", "EINVAL Invalid argument"),
    ],
)
def test_an_attack_says_how_it_went(capsys: pytest.CaptureFixture[str], code: str, verdict: str, words: str) -> None:
    found, told = said(capsys, code, secret=42)
    assert (found, told[: len(words)]) == (verdict, words)


def test_an_attack_that_does_not_end_is_ended(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attacker, "LIMIT_S", 1)
    assert said(capsys, "time.sleep(60)") == ("broken", "no end after 1 s")


def test_an_attack_changes_nothing_for_the_next_one(capsys: pytest.CaptureFixture[str]) -> None:
    attacker.run([("one", "os.chdir('/'); T.found = 1"), ("two", "hasattr(T, 'found') and os.getcwd()")], {})
    assert [json.loads(line)["verdict"] for line in capsys.readouterr().out.splitlines()] == ["passed", "passed"]
    assert os.getcwd() != "/"


def test_a_process_with_the_pid_of_a_target_is_not_the_target() -> None:
    with open(f"/proc/{os.getpid()}/stat") as file:
        begun = int(file.read().rpartition(")")[2].split()[19])
    assert attacker.stranger((os.getpid(), begun)) == os.getpid()
    with pytest.raises(attacker.Held, match="another one here"):
        attacker.stranger((os.getpid(), begun + 1))


def test_a_family_ends_at_its_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attacker, "WORKER", os.getppid())
    assert attacker.is_family(os.getpid())
    monkeypatch.setattr(attacker, "WORKER", os.getpid())
    assert not attacker.is_family(os.getppid())


def test_an_unknown_number_of_a_call_makes_its_attack_impossible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attacker, "MACHINE", "riscv64")
    with pytest.raises(attacker.Impossible, match="no mount on riscv64"):
        attacker.call("mount")


def test_an_error_is_told_by_its_name() -> None:
    assert attacker.told(PermissionError(errno.EPERM, "")) == "EPERM Operation not permitted"
    assert attacker.told(TimeoutError("slow")) == "TimeoutError: slow"
