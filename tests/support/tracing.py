"""Makes processes that cannot be reaped: a traced process stays a zombie until its tracer waits for it.

The tracer is a child of the test. It attaches to one process, and detaches when it ends.
"""

import contextlib
import subprocess
import sys
from collections.abc import Iterator

# PTRACE_SEIZE, ptrace(2): attach without stopping the process.
SEIZE = """
import ctypes
ptrace = ctypes.CDLL(None, use_errno=True).ptrace
ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
seize = lambda pid: ptrace(0x4206, pid, None, None)
"""
_TRACER = f"""
import sys
{SEIZE}
print(seize(int(sys.argv[1])), flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def traced(pid: int) -> Iterator[None]:
    """Trace ``pid`` for the block. If it dies, it stays a zombie until the end of the block."""
    with subprocess.Popen(
        [sys.executable, "-c", _TRACER, str(pid)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as tracer:
        assert tracer.stdout is not None
        assert tracer.stdin is not None
        try:
            assert tracer.stdout.readline() == b"0\n", "ptrace(2) is not allowed here"
            yield
        finally:
            tracer.kill()
