"""Kernels over plain HTTP, over fake workers."""

import contextlib
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from fake_worker import FakeLauncher
from harness import PREFIX
from kernels import Jupyter

from interpreterd.dialects.jupyter import kernels
from interpreterd.model.default_context import DEFAULT_CONTEXT_ID
from interpreterd.model.errors import OutOfResources, WorkerStartFailed

UNKNOWN = {"reason": "Not Found", "message": "Kernel does not exist: nobody", "code": "context_not_found"}


async def test_a_kernel_is_made_shown_listed_and_ended(jupyter: Jupyter) -> None:
    async with jupyter.http.post("/api/kernels", json={"name": "python3", "env": {}}) as response:
        assert response.status == 201
        model = await response.json()
        assert response.headers["Location"] == f"/api/kernels/{model['id']}"
    datetime.strptime(model.pop("last_activity"), "%Y-%m-%dT%H:%M:%S.%fZ")
    assert model == {"id": model["id"], "name": "python3", "execution_state": "idle", "connections": 0}
    status, shown = await jupyter.ask("GET", f"/api/kernels/{model['id']}")
    assert (status, shown | model) == (200, shown)
    assert await jupyter.ask("GET", "/api/kernels") == (200, [shown])
    assert await jupyter.ask("DELETE", f"/api/kernels/{model['id']}") == (204, None)
    assert await jupyter.ask("GET", "/api/kernels") == (200, [])


@pytest.mark.parametrize("data", [None, b"", b"{}", b'{"name":"python3"}', b'{"name":null}'])
async def test_a_kernel_needs_no_body_and_no_content_type(jupyter: Jupyter, data: bytes | None) -> None:
    skip = ["Content-Type"]
    async with jupyter.http.post("/api/kernels?token=x", data=data, skip_auto_headers=skip) as response:
        assert response.status == 201
        assert (await response.json())["id"]


async def test_a_token_is_ignored_while_there_are_none(jupyter: Jupyter) -> None:
    for value in ("token ", "token x", "Bearer x"):
        status, _ = await jupyter.ask("GET", "/api/kernels?token=y", headers={"Authorization": value})
        assert status == 200


async def test_variables_and_directory_reach_the_worker(
    jupyter: Jupyter, launcher: FakeLauncher, tmp_path: Path
) -> None:
    await jupyter.start(env={"KERNEL_WORKING_DIR": str(tmp_path), "KERNEL_USERNAME": "bo", "PATH": "/x"})
    configured = (await launcher.worker()).configured_with
    assert configured is not None
    assert configured.cwd == str(tmp_path)
    assert configured.envs == {"KERNEL_WORKING_DIR": str(tmp_path), "KERNEL_USERNAME": "bo", "KERNEL_GATEWAY": "1"}


async def test_a_directory_that_is_not_there_breaks_nothing(
    jupyter: Jupyter, launcher: FakeLauncher, tmp_path: Path
) -> None:
    for path in (str(tmp_path / "gone"), str(tmp_path / "x.ipynb"), "relative"):
        await jupyter.start(path=path)
        configured = (await launcher.worker()).configured_with
        assert configured is not None
        assert configured.cwd == str(tmp_path)


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"{", 400, "JSON"),
        (b"[]", 400, "JSON object"),
        (b'{"name": 1}', 400, "name must be a string"),
        (b'{"name": "ruby"}', 400, "there is no kernel ruby"),
        (b'{"env": {"KERNEL_A": 1}}', 400, "env must be"),
        (b'{"x":"' + b"y" * 300_000 + b'"}', 413, "larger"),
    ],
)
async def test_a_wrong_request_is_told(jupyter: Jupyter, body: bytes, status: int, said: str) -> None:
    found, answer = await jupyter.ask("POST", "/api/kernels", data=body)
    assert (found, said in answer["message"]) == (status, True), answer
    assert answer["reason"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("DELETE", ""), ("POST", "/interrupt"), ("POST", "/restart"), ("GET", "/channels")],
)
async def test_an_unknown_kernel_is_told(jupyter: Jupyter, method: str, path: str) -> None:
    headers = {"Upgrade": "websocket", "Connection": "Upgrade"} if path == "/channels" else {}
    assert await jupyter.ask(method, f"/api/kernels/nobody{path}", headers=headers) == (404, UNKNOWN)


async def test_a_context_of_another_api_is_a_kernel(jupyter: Jupyter) -> None:
    _, context = await jupyter.ask("POST", PREFIX + "/context")
    status, model = await jupyter.ask("GET", f"/api/kernels/{context['id']}")
    assert (status, model["id"], model["last_activity"]) == (200, context["id"], context["lastUsedAt"])
    kernel = await jupyter.start()
    status, shown = await jupyter.ask("GET", f"{PREFIX}/context/{kernel}")
    assert (status, shown["id"]) == (200, kernel)


async def test_many_kernels_are_listed_in_parts(jupyter: Jupyter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "AT_ONCE", 2)
    made = [await jupyter.start() for _ in range(5)]
    _, models = await jupyter.ask("GET", "/api/kernels")
    assert [model["id"] for model in models] == made


async def test_an_interrupt_and_a_restart_need_no_body(jupyter: Jupyter, launcher: FakeLauncher) -> None:
    kernel = await jupyter.start()
    before = await launcher.worker()
    for body in (b"", b"{}"):
        assert await jupyter.ask("POST", f"/api/kernels/{kernel}/interrupt", data=body) == (204, None)
        status, model = await jupyter.ask("POST", f"/api/kernels/{kernel}/restart?123", data=body)
        assert (status, model["id"], model["execution_state"]) == (200, kernel, "idle")
    assert before.exited


@pytest.mark.parametrize(("error", "status"), [(WorkerStartFailed, 500), (OutOfResources, 503)])
async def test_a_kernel_that_cannot_start_is_told(
    jupyter: Jupyter, launcher: FakeLauncher, error: type[WorkerStartFailed], status: int
) -> None:
    launcher.failure = error("no room")
    answer: dict[str, Any]
    found, answer = await jupyter.ask("POST", "/api/kernels")
    assert (found, answer["message"]) == (status, "failed to start context: no room")
    assert await jupyter.ask("GET", "/api/kernels") == (200, [])


async def test_the_default_context_gets_a_new_python_instead_of_its_end(
    jupyter: Jupyter, launcher: FakeLauncher
) -> None:
    await jupyter.ask("POST", f"{PREFIX}/execute", json={"code": "1", "background": True})
    for connected in (False, True):
        before = await launcher.worker()
        async with contextlib.AsyncExitStack() as stack:
            if connected:
                channel = await stack.enter_async_context(jupyter.channel(DEFAULT_CONTEXT_ID))
                await channel.ask("kernel_info_request")
            assert await jupyter.ask("DELETE", f"/api/kernels/{DEFAULT_CONTEXT_ID}") == (204, None)
            if connected:
                await channel.until("shutdown_reply", restart=True)
        assert before.exited
    assert (await jupyter.ask("GET", f"/api/kernels/{DEFAULT_CONTEXT_ID}"))[0] == 200
