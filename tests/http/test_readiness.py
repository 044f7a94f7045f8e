"""``/health/live`` answers while the event loop runs; ``/health/ready`` says whether new work is taken."""

import os
from typing import Any, Literal

import pytest
from fake_worker import FakeLauncher

from interpreterd.app import make_app
from interpreterd.http.readiness import READINESS
from interpreterd.settings import Settings


@pytest.mark.parametrize("dialect", ["native", "e2b", "opensandbox"])
@pytest.mark.parametrize(("state", "status"), [("starting", 503), ("ready", 200), ("draining", 503)])
async def test_every_daemon_tells_both(
    aiohttp_client: Any, state: Literal["starting", "ready", "draining"], status: int, dialect: str
) -> None:
    app = make_app(settings=Settings.of(cwd="/", base_path="/py"), launcher=FakeLauncher(), dialects=[dialect])
    app[READINESS].state = state
    client = await aiohttp_client(app)
    for base in ("", "/py"):
        ready = await client.get(base + "/health/ready")
        assert (ready.status, await ready.json()) == (status, {"status": state, "pid": os.getpid()})
        assert ("Retry-After" in ready.headers) == (status == 503)
        live = await client.get(base + "/health/live")
        assert (live.status, await live.json()) == (200, {"status": "ok"})
