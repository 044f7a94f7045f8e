"""A short load of several tenants: quotas hold, foreign ids are unknown, and the metrics are what clients counted.

``python -m soak --only tenants`` is the long one, which looks at fairness as well.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from harness import Daemon
from tenancy import write_tokens
from tenant_load import load_of, tables


async def test_many_tenants_at_once_keep_to_their_quotas_and_to_themselves(
    start_daemon: Callable[..., Awaitable[Daemon]], tmp_path: Path
) -> None:
    names = [f"t{number}" for number in range(4)]
    roles = {name: f"tenant {name}" for name in names}
    path = tmp_path / "tokens"
    tokens = await asyncio.to_thread(write_tokens, path, tables(names, 2, 1), monitor="read", **roles)
    daemon = await start_daemon("--token-file", str(path), "--max-running", "2", "--pool-size", "0")
    load = load_of(daemon.url, tokens, names, 2, "short")
    await load.run(0, at_least=12)
    assert load.broken() == []
    assert await load.miscounted(tokens.headers("monitor")) == []
    assert all(sum(it.ended.values()) == 24 for it in load.tenants)
