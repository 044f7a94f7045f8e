"""Sessions: documents with kernels, over fake workers."""

from pathlib import Path
from typing import Any

import pytest
from fake_worker import FakeLauncher
from harness import PREFIX
from kernels import Jupyter

from interpreterd.dialects.jupyter import sessions
from interpreterd.model.default_context import DEFAULT_CONTEXT_ID


async def create(jupyter: Jupyter, **body: Any) -> dict[str, Any]:
    """Return a new session."""
    status, model = await jupyter.ask("POST", "/api/sessions", json=body)
    assert status == 201, model
    return dict(model)


async def test_a_session_is_made_with_its_kernel_and_ends_with_it(jupyter: Jupyter) -> None:
    made = await create(jupyter, path="a.ipynb", name="a", type="notebook", kernel={"name": "python3"})
    assert made["notebook"] == {"path": "a.ipynb", "name": "a"}
    status, kernel = await jupyter.ask("GET", f"/api/kernels/{made['kernel']['id']}")
    assert (status, kernel) == (200, made["kernel"])
    assert await jupyter.ask("GET", "/api/sessions") == (200, [made])
    assert await jupyter.ask("GET", f"/api/sessions/{made['id']}") == (200, made)
    assert await jupyter.ask("DELETE", f"/api/sessions/{made['id']}") == (204, None)
    assert await jupyter.ask("GET", "/api/sessions") == (200, [])
    assert (await jupyter.ask("GET", f"/api/kernels/{kernel['id']}"))[0] == 404


async def test_a_path_has_one_session_and_a_kernel_may_have_several(jupyter: Jupyter) -> None:
    kernel = await jupyter.start()
    first = await create(jupyter, path="a", kernel={"id": kernel})
    assert await create(jupyter, path="a", kernel={"name": "python3"}) == first
    second = await create(jupyter, path="b", type="console", kernel={"id": kernel})
    assert second["id"] != first["id"]
    assert second["kernel"]["id"] == first["kernel"]["id"] == kernel
    assert "notebook" not in second


async def test_a_session_without_its_kernel_is_gone(jupyter: Jupyter) -> None:
    made = await create(jupyter)
    await jupyter.ask("DELETE", f"/api/kernels/{made['kernel']['id']}")
    for method in ("GET", "DELETE", "PATCH"):
        status, body = await jupyter.ask(method, f"/api/sessions/{made['id']}")
        assert (status, bool(body["message"])) == (404, True)
    assert await jupyter.ask("GET", "/api/sessions") == (200, [])


async def test_a_session_gets_another_path_and_kernel(jupyter: Jupyter) -> None:
    made = await create(jupyter, path="a", name="a")
    path = f"/api/sessions/{made['id']}"
    assert await jupyter.ask("PATCH", path, json={"path": "b", "kernel": None}) == (
        200,
        {**made, "path": "b", "notebook": {"path": "b", "name": "a"}},
    )
    _, changed = await jupyter.ask("PATCH", path, json={"kernel": {"name": "python3"}})
    assert changed["kernel"]["id"] != made["kernel"]["id"]
    assert (await jupyter.ask("GET", f"/api/kernels/{made['kernel']['id']}"))[0] == 404
    assert (await jupyter.ask("PATCH", path, json={"kernel": {"id": "nobody"}}))[0] == 404
    same = {"kernel": {"id": changed["kernel"]["id"]}}
    assert (await jupyter.ask("PATCH", path, json=same)) == (200, changed)
    assert (await jupyter.ask("GET", f"/api/kernels/{changed['kernel']['id']}"))[0] == 200


async def test_a_kernel_that_another_session_has_stays(jupyter: Jupyter) -> None:
    kernel = await jupyter.start()
    first, _ = await create(jupyter, path="a", kernel={"id": kernel}), await create(jupyter, kernel={"id": kernel})
    await jupyter.ask("PATCH", f"/api/sessions/{first['id']}", json={"kernel": {"name": "python3"}})
    assert (await jupyter.ask("GET", f"/api/kernels/{kernel}"))[0] == 200


async def test_the_default_context_stays_when_its_session_ends(jupyter: Jupyter, launcher: FakeLauncher) -> None:
    await jupyter.ask("POST", f"{PREFIX}/execute", json={"code": "1", "background": True})
    worker = await launcher.worker()
    default = {"kernel": {"id": DEFAULT_CONTEXT_ID}}
    made, moved = await create(jupyter, **default), await create(jupyter, **default)
    for session, method, body, status in (
        (made, "DELETE", None, 204),
        (moved, "PATCH", {"kernel": {"name": "python3"}}, 200),
    ):
        assert (await jupyter.ask(method, f"/api/sessions/{session['id']}", json=body))[0] == status
    assert [it["id"] for it in (await jupyter.ask("GET", "/api/sessions"))[1]] == [moved["id"]]
    assert not worker.exited


async def test_its_kernel_begins_beside_the_document(jupyter: Jupyter, launcher: FakeLauncher, tmp_path: Path) -> None:
    (tmp_path / "notes-7").mkdir()
    for path in ("notes-7/a.ipynb", "/notes-7/b.ipynb", "notes-7", str(tmp_path / "notes-7" / "c.ipynb")):
        await create(jupyter, path=path)
        configured = (await launcher.worker()).configured_with
        assert configured is not None
        assert configured.cwd == str(tmp_path / "notes-7")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ([], "JSON object"),
        ({"path": 1}, "path must be a string"),
        ({"kernel": "python3"}, "kernel and notebook must be objects"),
        ({"notebook": []}, "kernel and notebook must be objects"),
        ({"kernel": {"name": "ruby"}}, "there is no kernel ruby"),
        ({"name": "x" * 1001}, "name must be at most 1000 characters long"),
    ],
)
async def test_a_wrong_session_is_told(jupyter: Jupyter, body: Any, said: str) -> None:
    status, answer = await jupyter.ask("POST", "/api/sessions", json=body)
    assert (status, said in answer["message"]) == (400, True), answer


async def test_there_is_a_limit(jupyter: Jupyter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "NOTEBOOKS_LIMIT", 1)
    await create(jupyter, path="a")
    status, body = await jupyter.ask("POST", "/api/sessions", json={"path": "b"})
    assert (status, body["message"]) == (503, "too many sessions: the limit is 1")
