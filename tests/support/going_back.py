"""A context whose client takes checkpoints, and goes back to them."""

import asyncio
import uuid
from pathlib import Path
from typing import Any

from harness import Client, alive, children
from posting import post


class Traveller:
    """A context, and what its client does with checkpoints."""

    def __init__(self, client: Client, context_id: str) -> None:
        self.client = client
        self.id = context_id

    @classmethod
    async def new(cls, client: Client, **keys: Any) -> "Traveller":
        """Return one in a new context."""
        return cls(client, await client.create(**keys))

    async def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Return status and answer of a request below the context's path."""
        return await self.client.request(method, f"/context/{self.id}{path}", json=body)

    async def run(self, code: str, **keys: Any) -> str:
        """Run code, which must end by itself without an exception; return its stdout."""
        told = await post(self.client, code, contextId=self.id, **keys)
        assert (told["outcome"], told["error"]) == ("completed", None), told
        return str(told["stdout"])

    async def value(self, expression: str) -> str:
        """Return the value of an expression, as text, by a look that no undo counts."""
        return (await self.run(f"print({expression})", counted=False)).strip()

    async def keep(self, name: str | None = None) -> dict[str, Any]:
        """Take a checkpoint; return it."""
        status, told = await self.ask("POST", "/checkpoints", {} if name is None else {"name": name})
        assert status == 200, told
        assert isinstance(told, dict)
        return told

    async def kept(self) -> list[dict[str, Any]]:
        """Return all checkpoints."""
        status, told = await self.ask("GET", "/checkpoints")
        assert status == 200, told
        return list(told["checkpoints"])

    async def restore(self, checkpoint: str) -> dict[str, Any]:
        """Go back to a checkpoint; return the answer."""
        status, told = await self.ask("POST", "/restore", {"checkpoint": checkpoint})
        assert status == 200, told
        assert isinstance(told, dict)
        return told

    async def undo(self) -> dict[str, Any]:
        """Go back before the last execution; return the answer."""
        status, told = await self.ask("POST", "/undo")
        assert status == 200, told
        assert isinstance(told, dict)
        return told

    async def refusal(self, method: str, path: str, body: object = None) -> tuple[int, str, str]:
        """Return status, code and sentence of a request that must be refused."""
        status, told = await self.ask(method, path, body)
        assert status >= 400, told
        return status, told["code"], told["error"]

    async def mark(self) -> str:
        """Give its process a name, which copies inherit; return that."""
        name = uuid.uuid4().hex[:15]  # the kernel keeps no more
        await self.run(f"open('/proc/self/comm', 'w').write({name!r})", counted=False)
        return name


async def copies_named(daemon: int, name: str, worker: int | None = None) -> set[int]:
    """Return the pids of the daemon's living children of this name, but ``worker``."""

    def named() -> set[int]:
        found = set()
        for pid in children(daemon):
            try:
                comm = Path(f"/proc/{pid}/comm").read_text().strip()
            except OSError:  # it has just ended
                continue
            if comm == name and pid != worker and alive(pid):
                found.add(pid)
        return found

    return await asyncio.to_thread(named)
