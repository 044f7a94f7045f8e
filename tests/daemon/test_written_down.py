"""The log of events and the audit log of a daemon: what happened is in them, and no secret."""

import hashlib
import json
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from harness import Client, Daemon
from soon import soon
from tenancy import write_tokens

from interpreterd.monitoring.audit_chain import Checked

StartDaemon = Callable[..., Awaitable[Daemon]]
PLANTED = "planted-secret"
CODE = f"""
import os, sys
password = "{PLANTED}-code"
print("{PLANTED}-output")
print("{PLANTED}-errors", file=sys.stderr)
raise type("{PLANTED.title().replace("-", "")}Error", (Exception,), {{}})("{PLANTED}-exception " + os.environ["KEY"])
"""


def entries(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


async def test_what_happens_is_written_down_without_secrets(start_daemon: StartDaemon, tmp_path: Path) -> None:
    audit = tmp_path / "audit"
    daemon = await start_daemon("--log-format", "json", "--audit-log", str(audit))
    headers = {"X-Request-Id": "request-1", "Authorization": f"Bearer {PLANTED}-token", "Cookie": f"a={PLANTED}-cookie"}
    async with Client(daemon.url) as client:
        body = {"code": CODE, "envs": {"KEY": f"{PLANTED}-environment"}, "metadata": {"a": f"{PLANTED}-metadata"}}
        async with client.http.post(client.base + "/execute", json=body, headers=headers) as response:
            execution = (await response.json())["executionId"]
        context = await client.create(envs={"KEY": f"{PLANTED}-context"}, metadata={"note": f"{PLANTED}-note"})
        async with client.connect(headers=headers) as socket:
            await socket.send_json({"code": CODE, "contextId": f"{PLANTED}-name"})
            await socket.receive()
        await client.request("GET", f"/executions/{PLANTED}-id?token={PLANTED}-query")
        await client.request("POST", "/execute", data=PLANTED.encode())
        await client.request("DELETE", f"/context/{context}")
        for before in (audit, None):  # what was there before is in the old file, all else in the new one
            if before is not None:
                os.rename(before, tmp_path / "audit.1")
                os.kill(daemon.pid, signal.SIGHUP)
                await soon(audit.exists)
        await client.run("pass")
    assert await daemon.stop() == 0
    logged, files = daemon.log.decode(), [tmp_path / "audit.1", audit]
    for text in (logged, *(path.read_text() for path in files)):
        assert PLANTED not in text.lower()
        assert "plantedsecret" not in text.lower()
    lines = [json.loads(line) for line in logged.splitlines()]
    (ended,) = [it for it in lines if it.get("executionId") == execution]
    assert (ended["message"], ended["requestId"], ended["outcome"], ended["raised"]) == (
        "execution.ended",
        "request-1",
        "completed",
        True,
    )
    told = [(it["message"], it.get("reason")) for it in lines if it.get("contextId") == context]
    assert told[:2] == [("worker.started", None), ("context.created", None)]
    assert ("context.deleted", "context_deleted") in told
    refused = [it["reason"] for it in lines if it["message"] == "request.refused"]
    assert refused == ["context_not_found", "execution_not_found", "malformed_request"]

    checked = Checked()
    for path in files:
        checked.check(path.read_bytes().splitlines(keepends=True))
    events = [it for path in files for it in entries(path)]
    (done,) = [it for it in events if it.get("executionId") == execution and it["event"] == "execution.ended"]
    assert done["sha256"] == hashlib.sha256(CODE.encode()).hexdigest()
    assert (done["requestId"], done["address"], done["outcome"]) == ("request-1", "127.0.0.1", "completed")
    assert entries(audit)[0]["continues"] == entries(audit)[0]["prev"]
    kinds = [it["event"] for it in events]
    assert kinds.count("execution.ended") == 2
    assert kinds.count("request.refused") == 3


async def test_an_audit_log_that_cannot_be_written_keeps_a_daemon_from_starting(
    start_daemon: StartDaemon, tmp_path: Path
) -> None:
    daemon = await start_daemon("--audit-log", str(tmp_path / "missing" / "audit"))
    assert daemon.process.returncode == 1
    assert daemon.log.decode() == (
        f"interpreterd: the audit log {tmp_path}/missing/audit cannot be opened: No such file or directory\n"
    )


async def test_what_tenants_do_is_told_apart_without_a_token_in_sight(
    start_daemon: StartDaemon, tmp_path: Path
) -> None:
    audit = tmp_path / "audit"
    tokens = write_tokens(tmp_path / "tokens", ada="tenant acme", bob="tenant globex", eye="read")
    flags = ("--metrics-by-tenant", "--log-events", "on", "--audit-log", str(audit))
    daemon = await start_daemon("--token-file", str(tokens.path), *flags)
    async with Client(daemon.url) as client:
        url = client.base + "/execute"
        for name, times in (("ada", 2), ("bob", 3)):
            for _ in range(times):
                async with client.http.post(url, json={"code": "pass"}, headers=tokens.headers(name)) as response:
                    assert response.status == 200
        async with client.http.post(url, json={"code": "pass"}) as response:  # on a connection that bob has used
            assert response.status == 401
        async with client.http.get(client.url + "/metrics", headers=tokens.headers("ada")) as response:
            assert response.status == 403, "they tell of all tenants"
        async with client.http.get(client.url + "/metrics", headers=tokens.headers("eye")) as response:
            metrics = await response.text()
    assert await daemon.stop() == 0
    for tenant, number in (("acme", 2.0), ("globex", 3.0)):
        assert f'interpreterd_executions_total{{outcome="completed",tenant="{tenant}"}} {number}\n' in metrics
    ended = [it for it in entries(audit) if it["event"] == "execution.ended"]
    assert [(it["tenant"], it["token"], it["role"]) for it in ended] == [
        *[("acme", tokens.id_of("ada"), "tenant")] * 2,
        *[("globex", tokens.id_of("bob"), "tenant")] * 3,
    ]
    refused = [it for it in entries(audit) if it["event"] == "request.refused"]
    assert [(it["reason"], it["tenant"]) for it in refused] == [("unauthorized", ""), ("forbidden", "acme")]
    assert daemon.log.count(b"execution.ended") == 5
    for text in tokens.texts.values():
        assert text not in daemon.log.decode() + audit.read_text()
