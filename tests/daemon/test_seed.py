"""The ten test cases of the daemon's original description, with the command that a user starts."""

from pathlib import Path

from harness import Client


async def test_create_context(client: Client, tmp_path: Path) -> None:
    status, body = await client.request("POST", "/context", json={"cwd": str(tmp_path), "language": "python"})
    assert status == 200
    assert body["cwd"] == str(tmp_path)
    assert body["language"] == "python"
    assert body["active"] is True
    assert len(body["id"]) == 36
    assert body["createdAt"].endswith("Z")


async def test_list_contexts(client: Client) -> None:
    await client.run("pass")
    created = await client.create()
    _, body = await client.request("GET", "/contexts")
    assert [context["id"] for context in body["contexts"]] == ["default", created]


async def test_execute_in_the_default_context(client: Client) -> None:
    result = await client.run("print('Hello from default')")
    assert result.stdout == "Hello from default\n"
    assert result.controls == ["completed"]


async def test_execute_in_a_specific_context(client: Client, tmp_path: Path) -> None:
    context = await client.create(cwd=str(tmp_path))
    result = await client.run("import os; print(os.getcwd())", context)
    assert result.stdout == f"{tmp_path}\n"


async def test_contexts_are_isolated(client: Client) -> None:
    one, two = await client.create(), await client.create()
    await client.run("x = 100", one)
    result = await client.run("print(x)", two)
    assert result.error is not None
    assert result.error["name"] == "NameError"
    assert result.error["value"] == "name 'x' is not defined"
    assert (await client.run("print(x)", one)).stdout == "100\n"


async def test_context_restarts_after_exit(client: Client) -> None:
    context = await client.create()
    await client.run("x = 1")
    assert (await client.run("exit()", context)).controls == ["completed"]
    _, body = await client.request("GET", f"/context/{context}")
    assert body["active"] is False
    result = await client.run("print('Restarted')", context)
    assert result.stdout == "Restarted\n"
    _, body = await client.request("GET", f"/context/{context}")
    assert body["active"] is True


async def test_unknown_context_is_an_error(client: Client) -> None:
    result = await client.run("print(1)", "my-context-id")
    assert result.messages == [
        {"type": "error", "name": "ContextError", "value": "context not found: my-context-id", "traceback": ""}
    ]


async def test_delete_context(client: Client) -> None:
    context = await client.create()
    assert await client.request("DELETE", f"/context/{context}") == (200, {"message": "Context deleted successfully"})
    assert (await client.request("DELETE", f"/context/{context}"))[0] == 404


async def test_default_context_cannot_be_deleted(client: Client) -> None:
    await client.run("x = 1")
    status, body = await client.request("DELETE", "/context/default")
    assert (status, body["error"]) == (400, "Cannot delete default context")
    assert (await client.run("print(x)")).stdout == "1\n"


async def test_language_must_be_python(client: Client) -> None:
    status, body = await client.request("POST", "/context", json={"language": "javascript"})
    assert (status, body["error"]) == (400, "Unsupported language. Only 'python' is supported.")
