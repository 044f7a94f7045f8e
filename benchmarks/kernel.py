"""The peer: Jupyter kernels, as a frontend on the same machine uses them. Needs jupyter_client and ipykernel."""

import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager

from benchmarks.servers import BenchmarkError, environment

ANSWER_LIMIT_S = 60.0


class Kernel:
    """A running kernel."""

    def __init__(self, manager: AsyncKernelManager, client: AsyncKernelClient) -> None:
        self._manager = manager
        self._client = client

    @property
    def pid(self) -> int:
        """Its process."""
        provisioner: Any = self._manager.provisioner  # a LocalProvisioner; the base class has no pid
        return int(provisioner.pid)

    async def execute(self, code: str = "pass") -> float:
        """Return the seconds from the request until its reply and its ``idle`` status are both there."""
        start = time.perf_counter()
        request = self._client.execute(code)
        reply = await self._next(self._client.get_shell_msg, request)
        while (await self._next(self._client.get_iopub_msg, request))["content"].get("execution_state") != "idle":
            pass
        end = time.perf_counter()
        if reply["content"]["status"] != "ok":
            raise BenchmarkError(f"the kernel says {reply['content']}")
        return end - start

    async def _next(self, get: Any, request: str) -> dict[str, Any]:
        while True:
            message: dict[str, Any] = await get(timeout=ANSWER_LIMIT_S)
            if message["parent_header"].get("msg_id") == request:
                return message


@asynccontextmanager
async def kernel(directory: Path) -> AsyncIterator[Kernel]:
    """Start a kernel that can take code; its files are kept in ``directory``."""
    settings = environment() | {"IPYTHONDIR": str(directory / "ipython")}
    manager = AsyncKernelManager(connection_file=str(directory / f"kernel-{time.monotonic_ns()}.json"))
    await manager.start_kernel(env=settings, cwd=str(directory), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        client = manager.client()
        client.start_channels()
        try:
            await client.wait_for_ready(timeout=ANSWER_LIMIT_S)
            yield Kernel(manager, client)
        finally:
            client.stop_channels()
    finally:
        await manager.shutdown_kernel(now=True)
