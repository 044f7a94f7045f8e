"""The relatives of the context that attacks: two forks of it and a checkpoint; each may be a target of the others."""

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from interpreterd.cli.attacks.ground import started
from interpreterd.client.handles import Context

# Names of ``in_context/neighbour.py``, which the context has run before it is forked.
_SETTLE: Final = """
import json
_path = file(os.path.join(os.environ.get("HOME", os.getcwd()), "relative-" + {word!r}))
_server = serving(socket.AF_INET, ("127.0.0.1", 0))
_abstract = serving(socket.AF_UNIX, "\\0relative-" + {word!r}) and "relative-" + {word!r}
print(json.dumps({{"files": _path, "ports": _server and _server[1], "sockets": _abstract}}))
"""
_LEAVE: Final = "if _path: os.unlink(_path)"


@frozen
class Relatives:
    """A context that attacks, and its fork, which attacks as well.

    Attributes:
        fork: The one that does.
        of_context: The targets of the context itself.
        of_fork: The fork's.
    """

    fork: Context
    of_context: dict[str, Any]
    of_fork: dict[str, Any]


@contextlib.contextmanager
def relatives(
    context: Context,
    word: str,
    *,
    worker: int,
    run: Callable[[Context, str], str],
    find: Callable[[Context, str], int],
    below: Callable[[], Iterable[int]],
) -> Iterator[Relatives]:
    """Fork ``context`` for the block, twice, and take a checkpoint.

    ``worker`` is its process; ``find`` finds that of a context, by a word; ``below`` are all processes of the daemon.
    Raises ``Refused`` if it cannot be forked.
    """
    first, second = context.fork(2)
    with contextlib.ExitStack() as until:
        for fork in (first, second):
            until.callback(fork.delete)
        members = {"the original": context, "a fork": first, "another fork": second}
        made = {}
        for number, (name, member) in enumerate(members.items()):
            made[name] = json.loads(run(member, _SETTLE.format(word=f"{word}-{number}")))
            until.callback(run, member, _LEAVE)
        pids = {"the original": worker, "a fork": find(first, f"{word}-a"), "another fork": find(second, f"{word}-b")}
        context.checkpoint()
        parked = _parked(str(context["cwd"]), set(below()) - set(pids.values()))
        of_context = {**_targets("the original", pids, made), "own_checkpoint": _seen(parked)}
        of_fork = {**_targets("a fork", pids | {"a checkpoint": parked}, made), "own_checkpoint": None}
        yield Relatives(first, of_context, of_fork)


def _targets(own: str, pids: dict[str, int], made: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return what of the others is a target of ``own``."""
    others = [it for name, it in made.items() if name != own]
    found = {f"relative_{what}": [it[what] for it in others if it[what]] for what in ("files", "ports", "sockets")}
    return {"relatives": {name: _seen(pid) for name, pid in pids.items() if name != own}, **found}


def _seen(pid: int) -> tuple[int, int]:
    """Return a process as it is in its own pid namespace, which its relatives share, and when it was started."""
    numbers = [line.split() for line in Path(f"/proc/{pid}/status").read_text().splitlines() if "NSpid" in line]
    return int(numbers[0][-1]) if numbers else pid, started(pid)[1]


def _parked(cwd: str, candidates: set[int]) -> int:
    """Return which of ``candidates`` is the parked copy of a context: it works in the same directory."""
    for pid in sorted(candidates, reverse=True):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/{pid}/cwd") == os.path.realpath(cwd) and os.getsid(pid) == pid:
                return pid
    raise OSError("a checkpoint is not in /proc")
