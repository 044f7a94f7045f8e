"""Files of a size that is too large for the tests: the daemon's memory stays flat on both ways."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from harness import Client

from soak.report import Phase
from soak.watch import watched

MIB: Final = 1 << 20
WARM_MIB: Final = 8
PEAK_LIMIT_BYTES: Final = 16 * MIB


async def transfers(megabytes: int, directory: Path) -> list[Phase]:
    """Upload a file and download it, each in one piece to the client; look at the daemon's largest memory."""
    phase = Phase(f"a file of {megabytes:,} MB, up and down")
    async with watched(phase, directory) as it:
        context = await it.client.create(cwd=str(directory))
        path = f"{it.client.base}/context/{context}/files/large"
        await _up(it.client, path, WARM_MIB)
        await _down(it.client, path)
        for name in ("up", "down"):
            peak, start = _peak_bytes(it.pid), time.monotonic()
            if name == "up":
                await _up(it.client, path, megabytes)
            else:
                phase.expect(await _down(it.client, path) == megabytes * MIB, "the file came back whole")
            grown, took = _peak_bytes(it.pid) - peak, time.monotonic() - start
            phase.facts.append(f"{name}: {megabytes / took:,.0f} MB/s, the largest memory grew by {grown >> 10} KiB")
            phase.expect(grown < PEAK_LIMIT_BYTES, f"{name}: the largest memory grew by {grown} bytes")
        await it.client.request("DELETE", f"/context/{context}")
    return [phase]


async def _up(client: Client, path: str, megabytes: int) -> None:
    async def content() -> AsyncIterator[bytes]:
        piece = bytes(MIB)
        for _ in range(megabytes):
            yield piece

    async with client.http.put(path, data=content()) as response:
        assert response.status in (200, 201), await response.text()


async def _down(client: Client, path: str) -> int:
    size = 0
    async with client.http.get(path) as response:
        async for data in response.content.iter_any():
            size += len(data)
    return size


def _peak_bytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) << 10
