"""Stocked workers that wait for a context, in a real daemon."""

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

from harness import Client, Daemon


async def test_a_worker_whose_directory_was_replaced_is_configured_again(
    start_daemon: Callable[..., Awaitable[Daemon]], tmp_path: Path
) -> None:
    cwd = tmp_path / "cwd"
    cwd.mkdir()
    daemon = await start_daemon("--cwd", str(cwd))
    async with Client(daemon.url) as client:
        code = "import os; print(os.getcwd(), os.environ['PWD']); open('made', 'w').close()"
        assert (await client.run(code, await client.create())).stdout == f"{cwd} {cwd}\n"
        assert (cwd / "made").exists()
        shutil.rmtree(cwd)
        cwd.mkdir()
        for _ in range(3):  # two stocked workers and a new one
            assert (await client.run(code, await client.create())).stdout == f"{cwd} {cwd}\n"
            (cwd / "made").unlink()
