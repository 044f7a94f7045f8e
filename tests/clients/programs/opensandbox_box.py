"""What the checks of OpenSandbox's Python SDKs get: the sandbox, its code interpreter, and the daemon beside them."""

import asyncio
import json
import os
import pathlib
import urllib.request

from opensandbox.models.execd import RunCommandOpts


class Box:
    """A sandbox of either SDK. Subclasses make it, and its handlers."""

    def __init__(self, url, folder):
        self.url = url
        self.folder = folder
        self._fifos = 0

    @property
    def codes(self):
        return self.interpreter.codes

    async def run(self, code, **keys):
        return await self.codes.run(code, **keys)

    def options(self, *, cwd=None, timeout=None, background=False, **envs):
        return RunCommandOpts(working_directory=cwd, timeout=timeout, background=background, envs=envs or None)

    def fifo(self):
        self._fifos += 1
        path = pathlib.Path(self.folder) / f"fifo{self._fifos}"
        os.mkfifo(path)
        return path

    async def native_context(self, code="pass"):
        """Return the id of a context that the daemon's own API has made, after ``code``."""
        made = await asyncio.to_thread(post, f"{self.url}/process/interpreter/context", {})
        await asyncio.to_thread(
            post, f"{self.url}/process/interpreter/execute", {"code": code, "contextId": made["id"]}
        )
        return made["id"]


def post(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)
