"""Each fork has the limits of its original for itself: what one uses does not count for another."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from harness import Client
from standing import SharedDaemon

MIB = 1 << 20


@pytest.fixture(params=["off", "standard"])
async def client(request: pytest.FixtureRequest, standing: Callable[..., SharedDaemon]) -> AsyncIterator[Client]:
    """Yield a client of a daemon without and with isolation."""
    async with Client(standing("--isolation", request.param).url) as client:
        yield client


async def pair(client: Client, place: Path, limits: dict[str, Any], **keys: Any) -> tuple[str, str]:
    """Return a context with these limits, and a fork of it."""
    original = await client.create(cwd=str(place), limits=limits)
    await client.run("x = 42", original)
    status, body = await client.request("POST", f"/context/{original}/fork", json=keys)
    assert status == 200, body
    return original, body["contexts"][0]["id"]


async def died(client: Client, context: str, code: str) -> str:
    """Return how ``code`` has killed the context's Python."""
    result = await client.run(code, context)
    assert result.error is not None, result
    return str(result.error["value"])


async def test_processes_of_a_fork_count_for_it_alone(client: Client, tmp_path: Path) -> None:
    original, fork = await pair(client, tmp_path, {"processes": 6})
    start = "import subprocess; children = [subprocess.Popen(['sleep', '1000']) for _ in range({})]"
    for context in (original, fork):
        assert (await client.run(start.format(4), context)).error is None
    wait = "\nimport time\nwhile True: time.sleep(9)"
    assert await died(client, fork, start.format(8) + wait) == "process limit of 6 exceeded"
    assert (await client.run("print(x, len(children))", original)).stdout == "42 4\n"


async def test_a_copied_directory_is_growth_of_neither_and_what_a_fork_writes_is_its_own(
    client: Client, tmp_path: Path
) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "before").write_bytes(bytes(3 * MIB))
    original, fork = await pair(client, tmp_path / "work", {"diskBytes": 4 * MIB}, cwd="copy")
    write = f"open('made', 'wb').write(bytes(2 * {MIB}))"
    for context in (original, fork):
        assert (await client.run(write, context)).error is None
    more = f"import time\nfor number in range(9): open(str(number), 'wb').write(bytes({MIB}))\n"
    assert await died(client, fork, more + "while True: time.sleep(9)") == "disk limit of 4 MiB exceeded"
    assert (await client.run("print(x)", original)).stdout == "42\n"


async def test_memory_that_is_shared_is_nobodys_excess(client: Client, tmp_path: Path) -> None:
    original = await client.create(cwd=str(tmp_path), limits={"memoryBytes": 200 * MIB})
    await client.run(f"data = bytearray(120 * {MIB})", original)
    status, body = await client.request("POST", f"/context/{original}/fork", json={"count": 3})
    assert status == 200, body
    forks = [it["id"] for it in body["contexts"]]
    own = f"data[:60 * {MIB}] = bytes(60 * {MIB}); import time; time.sleep(0.6); print(len(data) // {MIB})"
    assert (await client.run(own, forks[0])).stdout == "120\n", "its own pages take the place of shared ones"
    for context in (original, *forks):
        result = await client.run(f"more = bytearray(1024 * {MIB}); print('had')", context)
        assert result.error is not None
        assert result.error["name"] == "MemoryError"
