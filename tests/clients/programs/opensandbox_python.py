"""OpenSandbox's blocking Python SDK."""

import asyncio
import contextlib
import tempfile
from functools import partial

from checks import main
from code_interpreter import CodeInterpreterSync
from code_interpreter.models.code_sync import CodeContextSync
from opensandbox import SandboxSync
from opensandbox.config import ConnectionConfigSync
from opensandbox.models.execd_sync import ExecutionHandlersSync
from opensandbox_box import Box
from opensandbox_checks import Seen

DIALECT = "opensandbox"
CLIENT = "Python"
CHECKS = "opensandbox_checks.py"
SERVICES = ("codes", "commands", "files")


class InThreads:
    """An object of the SDK, whose methods are called in threads."""

    def __init__(self, real):
        self.real = real

    def __getattr__(self, name):
        value = getattr(self.real, name)
        if name in SERVICES:
            return InThreads(value)
        return partial(asyncio.to_thread, value) if callable(value) else value


class SyncBox(Box):
    def handlers(self, seen):
        return ExecutionHandlersSync(**{f"on_{name}": partial(seen.note, name) for name in Seen.names})

    def context(self, context_id):
        return CodeContextSync(id=context_id, language="python")

    async def connect(self, sandbox_id):
        return InThreads(await asyncio.to_thread(SandboxSync.connect, sandbox_id, connection_config=self.config))


@contextlib.contextmanager
def setup(url):
    with tempfile.TemporaryDirectory() as folder:
        box = SyncBox(url, folder)
        box.config = ConnectionConfigSync(domain=url.removeprefix("http://"), api_key="key")
        with SandboxSync.create("opensandbox/code-interpreter:latest", connection_config=box.config) as sandbox:
            box.sandbox = InThreads(sandbox)
            with CodeInterpreterSync.create(sandbox=sandbox) as interpreter:
                box.interpreter = InThreads(interpreter)
                yield box


if __name__ == "__main__":
    main(globals())
