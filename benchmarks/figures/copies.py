"""What the figures of forks and checkpoints measure: contexts of three sizes, and `os.fork` in their workers."""

from contextlib import AsyncExitStack
from functools import partial
from typing import Final

from attrs import frozen

from benchmarks.bench import Bench
from benchmarks.client import Client
from benchmarks.stats import Sample

ELEMENTS: Final = 125_000_000  # of 8 bytes: 1 GB
# The child does nothing, and the parent waits for its end: the least that a copy of this process can cost.
OS_FORK: Final = """
import os, time
_start = time.perf_counter()
_pid = os.fork()
if not _pid:
    os._exit(0)
os.waitpid(_pid, 0)
print(time.perf_counter() - _start)
"""


@frozen(kw_only=True)
class Subject:
    """A context that is copied.

    Attributes:
        name: What it has in it, in words.
        code: What puts it there.
        fork_s: How long a fork may take to its first `pass`.
    """

    name: str
    code: str
    fork_s: float


SMALL: Final = Subject(name="small", code="x = 1", fork_s=0.010)
SUBJECTS: Final = (
    SMALL,
    Subject(name="numpy and pandas", code="import numpy, pandas", fork_s=0.020),
    Subject(name="a 1 GB array", code=f"import numpy\nbig = numpy.ones({ELEMENTS})", fork_s=0.030),
)


async def subjects(bench: Bench, stack: AsyncExitStack) -> tuple[int, Client, dict[str, str]]:
    """Start a daemon with a context for each of ``SUBJECTS``: its pid, its client, and the ids by their names."""
    server, client = await stack.enter_async_context(bench.daemon(python=bench.packed_python))
    contexts = {}
    for subject in SUBJECTS:
        contexts[subject.name] = await client.create()
        await client.post(subject.code, contexts[subject.name])
    return server.pid, client, contexts


def floor(client: Client, context: str) -> Sample:
    """Return a sample: the time of `os.fork` in the worker of ``context``, to the end of the child."""
    return partial(_os_fork, client, context)


async def _os_fork(client: Client, context: str) -> float:
    return float(await client.post(OS_FORK, context))
