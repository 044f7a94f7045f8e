"""A new launcher is a file and a row of the table. Users can choose it, and the daemon's workers come from it."""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from harness import Client, Daemon

# The launcher's file and its row. Nothing else in the daemon or its settings mentions the launcher.
TOY = """
import contextlib
import sys

from interpreterd.workers import launchers

class ToyLauncher:
    def __init__(self, others):
        self._others = others

    async def launch(self, envs={}):
        return await self._others.launch({**envs, "TOY": "started by a toy"})

    async def describe_python(self):
        return await self._others.describe_python()

    async def sweep(self, worker=None):
        await self._others.sweep(worker)

@contextlib.asynccontextmanager
async def toy(settings, nursery, *, clean=False):
    async with launchers.LAUNCHERS["spawn"].run(settings, nursery, clean=clean) as spawner:
        yield ToyLauncher(spawner)
    print("the toy is over", file=sys.stderr)

launchers.LAUNCHERS = {**launchers.LAUNCHERS, "toy": launchers.Row(summary="starts a toy", run=toy)}

from interpreterd.__main__ import main
sys.exit(main())
"""


async def test_a_row_makes_a_launcher_that_the_command_line_knows_and_the_daemon_uses(
    start_daemon: Callable[..., Awaitable[Daemon]], tmp_path: Path
) -> None:
    program = tmp_path / "with_toy.py"
    program.write_text(TOY)
    daemon = await start_daemon("--launcher", "toy", command=[sys.executable, str(program)])
    async with Client(daemon.url) as client:
        assert (await client.run("import os; print(os.environ.get('TOY'))")).stdout == "started by a toy\n"
    assert await daemon.stop() == 0
    assert b"the toy is over" in daemon.log
