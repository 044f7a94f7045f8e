"""Which namespaces can be had on this machine: tried by the workers' Python, in processes that end at once.

Kernels, containers and security modules refuse namespaces at different calls, so that no setting tells it. What is
tried is what a worker does: the same code makes a view in them.
"""

import asyncio
import json
import os
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType
from typing import Final

from attrs import frozen

from interpreterd.processes.families import kill_family
from interpreterd.processes.nursery import Nursery
from interpreterd.workers.isolation.namespaces import view
from interpreterd.workers.script import in_memory

KINDS: Final = ("user", "mount", "pid", "ipc", "net")  # in this order they are made
LIMIT_S: Final = 20.0
_RUN: Final = "import sys; exec(sys.stdin.read())"
# It follows the source of unsharing.py.
_TRY: Final = """
def attempt(kinds):
    read_fd, write_fd = os.pipe()
    pid = os.fork()
    if not pid:
        told = "+"
        try:
            kernel = Kernel()
            unshare(kernel, kinds)
            if "pid" in kinds:
                born = os.fork()
                if born:
                    os.close(write_fd)
                    os.waitpid(born, 0)
                    os._exit(0)
            if "mount" in kinds:
                show(kernel, OWN_PROC if "pid" in kinds else SHARED_PROC)
        except OSError as error:
            told = error.strerror
        except BaseException as error:
            told = repr(error)
        os.write(write_fd, told.encode())
        os._exit(0)
    os.close(write_fd)
    told = os.read(read_fd, 4096).decode() or "the kernel killed the process that tried"
    os.close(read_fd)
    os.waitpid(pid, 0)
    return "" if told == "+" else told

import json

plain = attempt(["mount"])
base = [] if not plain else ["user"]
failures = {"mount": plain}
if plain:
    failures["user"] = attempt(["user"])
    failures["mount"] = failures["user"] and plain or attempt(["user", "mount"])
for kind in ("pid", "ipc", "net"):
    needed = ["mount"] if kind == "pid" else []
    failures[kind] = attempt(base + needed + [kind])
print(json.dumps([base, failures]))
"""


@frozen(kw_only=True)
class Namespaces:
    """What can be had.

    Attributes:
        user: Whether the others need a user namespace, because the daemon may not make them otherwise.
        missing: The kinds that cannot be had, each with the call that fails and why.
    """

    user: bool = False
    missing: Mapping[str, str] = MappingProxyType({})

    def of(self, *kinds: str) -> list[str] | None:
        """Return what a worker has to make for ``kinds`` of ``mount``, ``pid``, ``ipc``, ``net``; None if one is
        missing.
        """
        wanted = {*kinds, *(("user",) if self.user else ())}
        return None if wanted & self.missing.keys() else [kind for kind in KINDS if kind in wanted]


async def namespaces(python: str, nursery: Nursery) -> Namespaces:
    """Try; ``python`` is the workers'. Takes some 0.1 s. What cannot be tried is missing."""
    program_fd = await asyncio.to_thread(lambda: in_memory(_program()))
    try:
        async with nursery.birth():
            process = await asyncio.create_subprocess_exec(
                python,
                "-I",
                "-S",
                "-c",
                _RUN,
                stdin=program_fd,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                cwd="/",
            )
            nursery.add(process.pid)
    except OSError as error:
        return Namespaces(missing=dict.fromkeys(KINDS, f"{python}: {error.strerror}"))
    finally:
        os.close(program_fd)
    out = err = b""
    try:
        async with asyncio.timeout(LIMIT_S):
            out, err = await process.communicate()
        base, failures = json.loads(out)
    except TimeoutError:
        return Namespaces(missing=dict.fromkeys(KINDS, "it takes too long to try"))
    except ValueError:
        return Namespaces(missing=dict.fromkeys(KINDS, err.decode(errors="replace")[-200:]))
    finally:
        if process.returncode is None:
            kill_family(process.pid)
        nursery.remove(process.pid)
    return Namespaces(user=base == ["user"], missing={kind: why for kind, why in failures.items() if why})


def _program() -> bytes:
    source = (resources.files("interpreterd") / "_worker" / "unsharing.py").read_text("utf-8")
    views = {own: json.dumps(view(read=("/usr", "/etc"), write=(), own_proc=own)) for own in (False, True)}
    head = f"import json\nOWN_PROC = json.loads({views[True]!r})\nSHARED_PROC = json.loads({views[False]!r})\n"
    return (source + head + _TRY).encode()
