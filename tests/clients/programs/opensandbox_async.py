"""OpenSandbox's asynchronous Python SDK."""

import contextlib
import tempfile

from checks import main
from code_interpreter import CodeInterpreter
from code_interpreter.models.code import CodeContext
from opensandbox import Sandbox
from opensandbox.config import ConnectionConfig
from opensandbox.models.execd import ExecutionHandlers
from opensandbox_box import Box
from opensandbox_checks import Seen

DIALECT = "opensandbox"
CLIENT = "Python (asyncio)"
CHECKS = "opensandbox_checks.py"


class AsyncBox(Box):
    def handlers(self, seen):
        def noting(name):
            async def note(value):
                seen.note(name, value)

            return note

        return ExecutionHandlers(**{f"on_{name}": noting(name) for name in Seen.names})

    def context(self, context_id):
        return CodeContext(id=context_id, language="python")

    async def connect(self, sandbox_id):
        return await Sandbox.connect(sandbox_id, connection_config=self.config)


@contextlib.asynccontextmanager
async def setup(url):
    with tempfile.TemporaryDirectory() as folder:
        box = AsyncBox(url, folder)
        box.config = ConnectionConfig(domain=url.removeprefix("http://"), api_key="key")
        box.sandbox = await Sandbox.create("opensandbox/code-interpreter:latest", connection_config=box.config)
        async with box.sandbox:
            box.interpreter = await CodeInterpreter.create(sandbox=box.sandbox)
            async with box.interpreter:
                yield box


if __name__ == "__main__":
    main(globals())
