"""Attacks from contexts of a private daemon: what code of each profile reached, and what it should have."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from interpreterd.cli.attacks.attack import ORDINARY, Attack, attacks
from interpreterd.cli.attacks.contenders import contenders
from interpreterd.cli.attacks.ground import SECRET_VARIABLE, Ground, ground, started
from interpreterd.cli.attacks.judging import AttackResult, Campaign
from interpreterd.client import Interpreter, Refused
from interpreterd.client.errors import StartFailed
from interpreterd.client.handles import Context

DAEMON_END_TIMEOUT_S: Final = 10.0
# Variables that the private daemon inherits, of those that would configure this user's own one.
INHERITED: Final = ("INTERPRETERD_ISOLATION_UIDS", "INTERPRETERD_LAUNCHER")


def attacked(
    profiles: Sequence[str], flags: Sequence[str] = (), python: str = sys.executable, chosen: Sequence[Attack] = ()
) -> list[Campaign]:
    """Run attacks in a context of each profile, against a second one and this machine.

    Args:
        profiles: Of ``PROFILES``.
        flags: Of ``interpreterd serve``, for the daemon.
        python: The Python of the contexts.
        chosen: The attacks to run; none for the whole table.

    Raises:
        StartFailed: The daemon could not start.
        Unexpected: See ``contenders``.
    """
    with ground() as place:
        ports = f"443,80,{place.targets['open_port']}"
        allowed = ["--isolation-ports", ports] if set(profiles) != {"off"} else []
        with daemon(place, ["--python", python, *allowed, *flags]) as targets, client(targets) as py:
            return [_run(py, place, targets, profile, chosen or attacks()) for profile in profiles]


def client(targets: dict[str, Any]) -> Interpreter:
    """Return a client of the private daemon."""
    return Interpreter(f"http://127.0.0.1:{targets['daemon_port']}")


@contextlib.contextmanager
def daemon(place: Ground, flags: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Run a daemon for the block; yield what of it is a target."""
    socket, log = str(place.base / "daemon" / "socket"), str(place.base / "daemon" / "log")
    frozen = getattr(sys, "frozen", False)
    program = [sys.executable] if frozen else [sys.executable, "-P", "-m", "interpreterd"]
    env = {name: it for name, it in os.environ.items() if name in INHERITED or not name.startswith("INTERPRETERD_")}
    env |= {SECRET_VARIABLE: place.secret, "HOME": str(place.base / "home"), "TMPDIR": str(place.base / "tmp")}
    if frozen:
        env["PYINSTALLER_RESET_ENVIRONMENT"] = "1"
    settings = place.base / "daemon" / "settings.toml"
    settings.touch()  # empty, in place of the machine's or the user's
    own = ["serve", "--config", str(settings), "--port", "0", "--also-listen", f"unix:{socket}", "--exit-with-parent"]
    with open(log, "wb") as stderr:
        process = subprocess.Popen(
            [*program, *own, *flags],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=env,
            start_new_session=True,
        )
    try:
        assert process.stdout is not None
        with process.stdout as stdout:
            announced = stdout.readline()
        if not announced:
            raise StartFailed(f"the daemon did not start: {Path(log).read_text(errors='replace').strip()}")
        port = json.loads(announced)["port"]
        yield {"daemon_port": port, "daemon_socket": socket, "daemon_log": log, "daemon": started(process.pid)}
    finally:
        process.terminate()
        try:
            process.wait(DAEMON_END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _run(py: Interpreter, place: Ground, targets: dict[str, Any], profile: str, chosen: Sequence[Attack]) -> Campaign:
    place.renew()
    try:
        with contenders(py, place, targets, profile) as both:
            layers = both.layers | ({ORDINARY} if os.geteuid() else set())
            before = place.signals()
            answers = both.attack(chosen, {**place.targets, **targets})
            evidence = frozenset(_evidence(both.attacker, place, before))
            run = profile, layers
            outcomes = tuple(AttackResult.of(it, answers.get(it.name), run, evidence) for it in chosen)
            return Campaign(profile, layers, outcomes)
    except Refused as error:
        return Campaign(profile, frozenset(), (), str(error))


def _evidence(attacker: Context, place: Ground, before: int) -> Iterator[str]:
    """Yield what attacks have done that their own code does not see."""
    if place.signals() > before:
        yield "signalled"
    for kind in ("symlink", "hardlink"):
        with contextlib.suppress(Refused):
            if place.secret.encode() in attacker.download(f"leak-{kind}"):
                yield f"leaked {kind}"
