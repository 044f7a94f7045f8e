"""With ``--exit-with-parent`` the daemon ends with the process that started it; private daemons do so too."""

import asyncio
import os
import sys
import tempfile

import pytest
from harness import COMMAND, ends

from interpreterd.client.errors import StartFailed
from interpreterd.client.local import LocalDaemon

LEAVES = """
import os, subprocess, sys
daemon = subprocess.Popen([*sys.argv[1:], "serve", "--port", "0", "--exit-with-parent"], stdout=subprocess.DEVNULL)
print(daemon.pid, flush=True)
if sys.stdin.readline():
    os._exit(0)
"""


@pytest.mark.parametrize("waits", [False, True], ids=["at once", "after a moment"])
async def test_a_parent_that_ends_while_the_daemon_starts(waits: bool) -> None:
    """The parent ends before the daemon runs a line of its own, or within the first tenths of a second."""
    parent = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", LEAVES, str(COMMAND)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    assert parent.stdin is not None
    assert parent.stdout is not None
    if not waits:
        parent.stdin.write(b"\n")
    daemon = int(await parent.stdout.readline())
    if waits:
        while len(os.listdir(f"/proc/{daemon}/fd")) < 6:  # Python has started, but not the daemon's code
            pass
        parent.stdin.write(b"\n")
    await ends(daemon)
    parent.stdin.close()
    assert await parent.wait() == 0


async def test_a_local_daemon_knows_its_starter_by_number() -> None:
    """It is in a new session, so only the pid tells its parent from a process that adopts it."""
    code = """
import os
from interpreterd.client.local import LocalDaemon, subprocess
popen = subprocess.Popen
def leave(*arguments, **keywords):
    process = popen(*arguments, **keywords | {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL})
    print(process.pid, flush=True)
    os._exit(0)
subprocess.Popen = leave
LocalDaemon().start()
"""
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    out, _ = await parent.communicate()
    await ends(int(out))


def test_a_local_daemon_without_a_place_for_its_socket_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_place() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(tempfile, "gettempdir", no_place)
    with pytest.raises(StartFailed, match=r"^no directory for the daemon's socket: No usable temporary directory"):
        LocalDaemon().start()
