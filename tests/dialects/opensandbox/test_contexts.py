"""The routes of contexts, over fake workers."""

from typing import Any

from harness import PREFIX


async def answer(box: Any, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    async with box.request(method, path, json=body) as response:
        text = await response.text()
        return response.status, await response.json() if text else None


async def test_a_context_is_made_shown_listed_and_deleted(box: Any) -> None:
    status, made = await answer(box, "POST", "/below/code/context", {"language": "python"})
    assert (status, set(made), made["language"]) == (200, {"id", "language", "cwd"}, "python")
    assert await answer(box, "GET", f"/code/contexts/{made['id']}") == (200, made)
    for path in ("/code/contexts", "/code/contexts?language=python", "/code/contexts?language="):
        assert await answer(box, "GET", path) == (200, [made])
    assert await answer(box, "GET", "/code/contexts?language=go") == (200, [])
    assert await answer(box, "DELETE", f"/code/contexts/{made['id']}") == (200, None)
    missing = {"code": "CONTEXT_NOT_FOUND", "message": f"context not found: {made['id']}"}
    for method in ("GET", "DELETE"):
        assert await answer(box, method, f"/code/contexts/{made['id']}") == (404, missing)


async def test_all_contexts_of_this_api_are_deleted_and_no_others(box: Any) -> None:
    await answer(box, "POST", "/code/context", {})
    _, other = await answer(box, "POST", PREFIX + "/context", {})
    assert (await answer(box, "DELETE", "/code/contexts?language=go"))[0] == 200
    assert len((await answer(box, "GET", "/code/contexts"))[1]) == 2
    assert (await answer(box, "DELETE", "/code/contexts?language=python"))[0] == 200
    assert [it["id"] for it in (await answer(box, "GET", "/code/contexts"))[1]] == [other["id"]]
    missing = {"code": "MISSING_QUERY", "message": "missing query parameter 'language'"}
    assert await answer(box, "DELETE", "/code/contexts") == (400, missing)


async def test_a_wrong_body_and_a_limit_are_told(box: Any) -> None:
    status, body = await answer(box, "POST", "/code/context", {"cwd": "/no such"})
    assert (status, body["code"]) == (400, "INVALID_REQUEST_BODY")
    for _ in range(3):
        await answer(box, "POST", "/code/context", {})
    status, body = await answer(box, "POST", "/code/context", {})
    assert (status, body["code"]) == (503, "LIMIT_REACHED")
