"""The verdicts and advice of ``doctor`` on the workers' Python and on an address."""

import json
import socket
import threading
from pathlib import Path

import pytest
from command import interpreterd

from interpreterd.cli import doctor
from interpreterd.cli.attacks import campaign
from interpreterd.cli.attacks.attack import attacks
from interpreterd.cli.attacks.judging import AttackResult, Campaign, Judgement
from interpreterd.cli.checks import CheckVerdict, Finding

OK, LIMITED, MISSING = CheckVerdict.OK, CheckVerdict.LIMITED, CheckVerdict.MISSING


@pytest.mark.parametrize(
    ("kind", "version", "lacking", "verdict"),
    [
        ("cpython", "3.9.0", "-", OK),
        ("cpython", "3.13.1", "-", OK),
        ("cpython", "3.8.19", "-", MISSING),
        ("cpython", "3.12.0", "_ctypes", LIMITED),
        ("cpython", "3.12.0", "fcntl,_ctypes", MISSING),
        ("pypy", "3.10.0", "-", LIMITED),
    ],
)
def test_the_workers_python_is_judged(kind: str, version: str, lacking: str, verdict: CheckVerdict) -> None:
    assert doctor.judge_python(kind, version, lacking, "/a python").verdict is verdict


@pytest.mark.parametrize(
    ("script", "found"), [("exit 3", "is not a Python"), ("echo a b", "is not a Python"), (None, "not found")]
)
def test_what_is_no_python_is_missing(tmp_path: Path, script: str | None, found: str) -> None:
    path = tmp_path / "python"
    if script is not None:
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
    finding = doctor.workers_python(str(path))
    assert (finding.verdict, found in finding.found) == (MISSING, True)


def test_addresses(tmp_path: Path) -> None:
    assert doctor.address("127.0.0.1", 0).verdict is OK
    assert doctor.address("192.0.2.1", 0).verdict is MISSING  # RFC 5737: no machine has this address
    path = tmp_path / "a.sock"
    assert doctor.path(str(path)) == Finding("address", OK, f"{path} is free")
    assert not path.exists()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        assert doctor.path(str(path)) == Finding("address", OK, f"a program listens on {path}")
    assert doctor.path(str(tmp_path / "no" / "a.sock")).verdict is MISSING


def test_doctor_says_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        hangs_up = threading.Thread(target=lambda: other.accept()[0].close())
        hangs_up.start()
        told = interpreterd("doctor", "--python", "no-such-python", "--port", port)
        hangs_up.join()
    assert (told.returncode, told.stderr) == (1, "")
    lines = {line.split("  ")[0]: " ".join(line.split()) for line in told.stdout.splitlines()}
    assert lines["workers' Python"].startswith(
        "workers' Python missing no-such-python not found; name another: --python PATH"
    )
    assert lines["address"].endswith(
        f"port {port} on 127.0.0.1 is in use by another program; --port 0 picks a free one"
    )


def test_every_address_of_the_daemon_is_judged(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    others = f"127.0.0.1:{port},unix:{tmp_path}/a.sock"
    told = interpreterd("doctor", "--port", "0", "--also-listen", others, "--json", INTERPRETERD_ALSO_LISTEN="a:1")
    by_variable = interpreterd("doctor", "--port", "0", INTERPRETERD_ALSO_LISTEN=others)
    found = [it["found"] for it in json.loads(told.stdout) if it["check"] == "address"]
    assert found[1:] == [f"port {port} on 127.0.0.1 is free", f"{tmp_path}/a.sock is free"]
    assert f"{tmp_path}/a.sock is free" in by_variable.stdout
    refused = interpreterd("doctor", "--also-listen", "80")
    assert refused.returncode == 2
    assert "must be HOST:PORT" in refused.stderr


@pytest.mark.parametrize("escapes", [False, True])
def test_attacks_are_reported_and_one_that_should_have_held_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], escapes: bool
) -> None:
    judgement = Judgement.ESCAPED if escapes else Judgement.HELD
    result = AttackResult(attacks()[0], "strict", judgement, "so")
    monkeypatch.setattr(campaign, "attacked", lambda profiles, python: [Campaign("strict", frozenset(), (result,))])
    assert doctor.command.main(["--isolation", "--json"], standalone_mode=False) == int(escapes)
    (report,) = json.loads(capsys.readouterr().out)
    assert report["attacks"][0]["verdict"] == judgement
    assert doctor.command.main(["--isolation"], standalone_mode=False) == int(escapes)
    assert ("PASSED" in capsys.readouterr().out) is escapes
