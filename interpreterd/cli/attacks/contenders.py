"""The two contexts of a run: the one that attacks and its neighbour, and what of them is a target."""

import contextlib
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from interpreterd.cli.attacks.attack import Attack
from interpreterd.cli.attacks.ground import Ground, started
from interpreterd.cli.attacks.relatives import Relatives, relatives
from interpreterd.client import Interpreter, Refused
from interpreterd.client.errors import ClientError
from interpreterd.client.handles import Context

ATTACKS_TIMEOUT_S: Final = 120
SHOWN_TIMEOUT_S: Final = 5


class Unexpected(ClientError):
    """Code of this program failed in a context; its text says how."""


@frozen
class Contenders:
    """Two contexts of one daemon and profile.

    Attributes:
        targets: What the neighbour has made, and which processes are strangers to the attacker.
        layers: The names of what isolates the contexts, without versions.
        family: Makes the forks of the attacker, for a block.
    """

    attacker: Context
    neighbour: Context
    targets: dict[str, Any]
    layers: frozenset[str]
    family: Callable[[], AbstractContextManager[Relatives]]

    def attack(self, chosen: Sequence[Attack], targets: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Run attacks; return what was said of each, by its name."""
        all_targets = dict(targets) | self.targets
        said = _attack(self.attacker, [it for it in chosen if not it.relatives], all_targets)
        if among := [it for it in chosen if it.relatives]:  # last, as these make servers in the attacker itself
            try:
                with self.family() as family:
                    said |= _attack(self.attacker, among, all_targets | family.of_context)
                    for name, it in _attack(family.fork, among, all_targets | family.of_fork).items():
                        if it["verdict"] not in ("held", "impossible"):
                            said[name] = {**it, "said": f"in a fork: {it['said']}"}
            except Refused as error:  # it cannot be forked
                said |= {it.name: {"verdict": "impossible", "said": str(error)} for it in among}
        return said


def _attack(context: Context, chosen: Sequence[Attack], targets: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    call = f"run({[(it.name, it.code) for it in chosen]!r}, {dict(targets)!r})"
    said = run(context, f"{program_text('attacker')}\n{call}")
    return {it["name"]: it for it in map(json.loads, said.splitlines())}


def program_text(name: str) -> str:
    """Return the text of a file of ``in_context``."""
    return resources.files(f"{__package__}.in_context").joinpath(f"{name}.py").read_text("utf-8")


def run(context: Context, code: str) -> str:
    """Run code of this program; return what it printed."""
    execution = context.execute(code, timeout=ATTACKS_TIMEOUT_S)
    if execution.error is not None:
        raise Unexpected(f"{execution.error.name}: {execution.error.value}")
    return execution.stdout


@contextlib.contextmanager
def contenders(py: Interpreter, place: Ground, daemon: Mapping[str, Any], profile: str) -> Iterator[Contenders]:
    """Make two contexts for the block.

    Raises:
        Refused: The daemon makes no such contexts here.
        Unexpected: The neighbour could not settle.
    """
    word = secrets.token_hex(8)
    with contextlib.ExitStack() as until:
        one, two = (until.enter_context(_context(py, place, profile, name)) for name in ("attacker", "neighbour"))
        calls = f"import json; print(json.dumps(settle({word!r}, {secrets.randbelow(1 << 30) + 1})))"
        found = json.loads(run(two, f"{program_text('neighbour')}\n{calls}"))
        until.callback(two.execute, f"leave({found!r})")
        run(two, f"neighbours_child = mark('{word}-two')")
        run(one, program_text("neighbour"))
        theirs, own = _marked(f"{word}-two"), _worker_of(one, f"{word}-one")
        processes = {
            "another context's worker": started(_parent(theirs)),
            "another context's child": started(theirs),
            "the daemon": daemon["daemon"],
        }
        others = set(_descendants(daemon["daemon"][0])) - {own, theirs, _parent(theirs)}
        helpers = []
        for pid in sorted(others):
            with contextlib.suppress(OSError):
                helpers.append(started(pid))
        named = {"processes": processes, "helpers": helpers}
        below = partial(_descendants, daemon["daemon"][0])
        family = partial(relatives, one, word, worker=own, run=run, find=_worker_of, below=below)
        yield Contenders(one, two, {**found, **named}, frozenset(_layers(two)), family)


def _context(py: Interpreter, place: Ground, profile: str, name: str) -> Context:
    folder = place.base / f"{profile}-{name}"
    folder.mkdir(mode=0o700)
    isolation: dict[str, Any] = {} if profile == "off" else {"isolation": profile}
    return py.create_context(cwd=str(folder), **isolation)


def _layers(context: Context) -> list[str]:
    try:
        return [it.partition(":")[0] for it in context["isolation"]["layers"]]
    except KeyError:
        return []


def _worker_of(context: Context, word: str) -> int:
    """Return the pid of the worker of ``context``, which has run ``in_context/neighbour.py``."""
    run(context, f"child = mark({word!r})")
    pid = _parent(_marked(word))
    run(context, "child.kill(); child.wait()")
    return pid


def _marked(word: str) -> int:
    """Return the pid of the process that has ``word`` as its last argument: shown a moment after execve(2)."""
    until = time.monotonic() + SHOWN_TIMEOUT_S
    while time.monotonic() < until:
        for entry in filter(str.isdecimal, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                if Path("/proc", entry, "cmdline").read_bytes().endswith(b"\0" + word.encode() + b"\0"):
                    return int(entry)
    raise Unexpected("a process that a context has started is not in /proc")


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _descendants(pid: int) -> Iterator[int]:
    parents = {}
    for entry in filter(str.isdecimal, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            parents[int(entry)] = _parent(int(entry))
    for child in parents:
        above = parents.get(child)
        while above is not None and above != pid:
            above = parents.get(above)
        if above == pid:
            yield child
