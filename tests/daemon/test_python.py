"""Python as clients of a daemon see it."""

import asyncio
import json
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from harness import Client, Daemon
from worker_driver import unnamed


class TestSessions:
    async def test_a_session(self, client: Client, tmp_path: Path) -> None:
        context = await client.create(cwd=str(tmp_path))
        (tmp_path / "mine.py").write_text("def square(x): return x * x\n")
        first = "import pickle, inspect, mine\nclass Point:\n    def __init__(self, x):\n        self.x = x\n"
        assert (await client.run(first, context)).error is None
        result = await client.run("print(pickle.loads(pickle.dumps(Point(3))).x, mine.square(4))", context)
        assert result.stdout == "3 16\n"
        result = await client.run("print(inspect.getsource(Point), end='')", context)
        assert result.stdout == first.partition("\n")[2]
        result = await client.run("def f():\n    return Point()\n\nf()\n", context)
        assert result.error is not None
        assert result.error["name"] == "TypeError"
        assert '  File "<cell>", line 2, in f\n    return Point()\n' in unnamed(result.error["traceback"])

    async def test_syntax_error(self, client: Client) -> None:
        result = await client.run("x = 1\nprint(x y)\n", await client.create())
        assert result.error is not None
        assert result.error["name"] == "SyntaxError"
        assert unnamed(result.error["traceback"]).startswith('  File "<cell>", line 2\n    print(x y)\n')
        assert "^" in result.error["traceback"]
        assert result.controls == ["completed"]

    async def test_input(self, client: Client) -> None:
        result = await client.run("input()")
        assert result.error is not None
        assert result.error["name"] == "EOFError"
        assert (await client.run("print('next')")).stdout == "next\n"

    async def test_python_of_a_virtual_environment(
        self, start_daemon: Callable[..., Awaitable[Daemon]], tmp_path: Path, pythons: dict[str, str]
    ) -> None:
        command = [next(iter(pythons.values())), "-m", "venv", "--without-pip", str(tmp_path / "venv")]
        await asyncio.to_thread(subprocess.run, command, check=True)
        (site_packages,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
        (site_packages / "mine.py").write_text("x = 'of the environment'")
        daemon = await start_daemon("--python", str(tmp_path / "venv" / "bin" / "python"))
        async with Client(daemon.url) as client:
            result = await client.run("import mine, sys; print(mine.x, sys.prefix)")
            assert result.stdout == f"of the environment {tmp_path}/venv\n"

    @pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
    async def test_multiprocessing(self, client: Client, tmp_path: Path, method: str) -> None:
        (tmp_path / "mine.py").write_text("def square(x):\n    print('child', x, flush=True)\n    return x * x\n")
        context = await client.create(cwd=str(tmp_path))
        result = await client.run(
            f"import multiprocessing as mp, mine\nwith mp.get_context({method!r}).Pool(1) as pool:\n"
            "    print(pool.map(mine.square, [1, 2]))\n",
            context,
        )
        assert (result.error, result.stdout) == (None, "child 1\nchild 2\n[1, 4]\n")
        assert (await client.request("DELETE", f"/context/{context}"))[0] == 200


BOM = "\ufeff"


class TestSources:
    async def test_a_mark_before_json_is_ignored(self, client: Client, tmp_path: Path) -> None:
        """RFC 8259, section 8.1."""
        body = BOM.encode() + json.dumps({"code": "print(1)"}).encode()
        status, answer = await client.request("POST", "/execute", data=body)
        assert (status, answer["stdout"]) == (200, "1\n")
        for message in (body, body.decode()):
            assert (await client.send_first(message)).stdout == "1\n"
        for empty in (BOM.encode(), BOM.encode() + b"{}"):
            status, answer = await client.request("POST", "/context", data=empty)
            assert status == 200
            await client.request("DELETE", f"/context/{answer['id']}")

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-16-be"])
    async def test_json_in_another_encoding_is_refused_with_the_reason(self, client: Client, encoding: str) -> None:
        body = (BOM if encoding.endswith("be") else "").encode(encoding) + json.dumps({"code": "1"}).encode(encoding)
        status, answer = await client.request("POST", "/execute", data=body)
        assert (status, answer["code"]) == (400, "malformed_request")
        assert "UTF-8" in answer["error"]
        assert (await client.send_first(body)).close_code == 1002

    async def test_the_first_line_is_one(self, client: Client) -> None:
        context = await client.create()
        await client.run(f"{BOM}x = 1\ry = 2\r", context)
        _, answer = await client.request("GET", f"/context/{context}/executions")
        assert answer["executions"][0]["firstLine"] == "x = 1"
