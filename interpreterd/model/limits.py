"""The limits of one context: the daemon's limits, tightened by the context's own."""

import os
from typing import Any, Final

import attrs
from attrs import field, frozen

from interpreterd.model.digest import Digest, utf8_bytes
from interpreterd.model.errors import InvalidLimit, InvalidRequest
from interpreterd.setting_kinds import LEAST_DISK_BYTES, LEAST_MEMORY_BYTES, LEAST_OPEN_FILES, MIB

MOST: Final = 2**53  # every JSON parser holds it exactly
_UNITS: Final = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))
# The memory that importing numpy, pandas and matplotlib reserves beyond its use: 30 MiB, and a buffer and a stack for
# each thread of OpenBLAS, 40 MiB each. There is one thread per processor, up to 64.
_SLACK_BYTES: Final = 64 * MIB
_SLACK_PER_PROCESSOR_BYTES: Final = 48 * MIB
_SLACK_PROCESSORS: Final = 64


def _limit(*, least: int = 1, whole: bool = True) -> Any:
    return field(default=None, metadata={"least": least, "whole": whole})


@frozen(kw_only=True)
class Limits:
    """Upper bounds; None for no limit.

    Attributes:
        memory_bytes: Memory of the worker and all its descendants, with swapped memory and open files in memory.
        cpu_s: Processor time of one execution, in all these processes.
        output_bytes: One execution's stdout and stderr together, as UTF-8.
        processes: Processes and their threads; the worker is one of them.
        disk_bytes: What the files below the context's directories may grow by; also the length of each file.
        open_files: Open descriptors of each process.
        queued: Executions that wait.
        code_bytes: One execution's code, as UTF-8.
        execution_s: One execution, from its start; a request for no timeout, or a longer one, has this one.
        idle_s: How long nothing of it runs, waits or is followed until the context ends.
        lifetime_s: How long the context lives.
        queue_is_usual: Whether ``queued`` is the default that neither daemon nor context has set; then it is not shown.
    """

    memory_bytes: int | None = _limit(least=LEAST_MEMORY_BYTES)
    cpu_s: float | None = _limit(least=0, whole=False)
    output_bytes: int | None = _limit()
    processes: int | None = _limit()
    queued: int | None = _limit()
    code_bytes: int | None = _limit()
    open_files: int | None = _limit(least=LEAST_OPEN_FILES)
    disk_bytes: int | None = _limit(least=LEAST_DISK_BYTES)
    execution_s: float | None = _limit(least=0, whole=False)
    idle_s: float | None = _limit(least=0, whole=False)
    lifetime_s: float | None = _limit(least=0, whole=False)
    queue_is_usual: bool = False

    @property
    def expires(self) -> bool:
        """Whether the context ends by itself."""
        return self.idle_s is not None or self.lifetime_s is not None

    def timeout_s(self, asked_s: float | None) -> float | None:
        """Return the timeout of an execution whose request wants ``asked_s``, or none at all."""
        if self.execution_s is None or (asked_s is not None and asked_s <= self.execution_s):
            return asked_s
        return int(self.execution_s) if self.execution_s == int(self.execution_s) else self.execution_s

    @classmethod
    def kinds(cls) -> "dict[str, attrs.Attribute[Any]]":
        """Return the limits that there are, by their names."""
        return {it.name: it for it in attrs.fields(cls) if "least" in it.metadata}

    def tightened(self, by: "Limits") -> "Limits":
        """Return these limits, tightened by those of ``by``; raise ``InvalidLimit`` for a looser one."""
        changed: dict[str, Any] = {}
        for name in self.kinds():
            ours, theirs = getattr(self, name), getattr(by, name)
            if theirs is None:
                continue
            if ours is not None and theirs > ours:
                raise InvalidLimit(name, f"must be at most {ours}, the daemon's limit")
            changed[name] = theirs
        if by.queued is not None:
            changed["queue_is_usual"] = False
        return attrs.evolve(self, **changed) if changed else self

    def lowered(self, by: "Limits") -> "Limits":
        """Return these limits, with those of ``by`` that are tighter."""
        pairs = {name: (getattr(self, name), getattr(by, name)) for name in self.kinds()}
        lower = {
            name: theirs
            for name, (ours, theirs) in pairs.items()
            if theirs is not None and (ours is None or theirs < ours)
        }
        return self.tightened(Limits(**lower))

    @property
    def watched(self) -> bool:
        """Whether a watcher has to measure again and again."""
        return any(it is not None for it in (self.memory_bytes, self.cpu_s, self.processes, self.disk_bytes))

    @property
    def data_bytes(self) -> int | None:
        """The memory that a worker may allocate after its configuration: RLIMIT_DATA, getrlimit(2).

        RLIMIT_DATA counts reserved memory, used or not. So there is slack, and the watcher enforces the exact limit.
        """
        if self.memory_bytes is None:
            return None
        processors = min(len(os.sched_getaffinity(0)), _SLACK_PROCESSORS)
        return self.memory_bytes + _SLACK_BYTES + processors * _SLACK_PER_PROCESSOR_BYTES

    def check_code(self, code: str, digest: Digest | None = None) -> None:
        """Raise ``InvalidRequest`` if ``code``, whose ``digest`` may be known, is too long."""
        if self.code_bytes is None:
            return
        if (utf8_bytes(code) if digest is None else digest.utf8_bytes) > self.code_bytes:
            raise InvalidRequest(f"code must be at most {self.code_bytes} bytes long")


NONE: Final = Limits()


def check_limit(limit: "attrs.Attribute[Any]", value: int | float) -> None:
    """Raise ``InvalidLimit`` if ``value`` is impossible for a limit of that kind."""
    least = limit.metadata["least"]
    if not least <= value <= MOST or value == 0:  # this form refuses NaN
        expected = f"at least {least} and at most" if least else "more than 0 and at most"
        raise InvalidLimit(limit.name, f"must be {expected} {MOST}")


def size_in_words(count: int) -> str:
    """Return a number of bytes in words, exactly, for example ``512 MiB``."""
    for unit, name in _UNITS:
        if count >= unit and count % unit == 0:
            return f"{count // unit} {name}"
    return f"{count} bytes"
