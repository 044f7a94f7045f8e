"""AutoGen's executor that speaks to a gateway: autogen_ext's DockerJupyterCodeExecutor, without its container."""

import contextlib
import tempfile
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import checks
from autogen_agentchat.agents import CodeExecutorAgent
from autogen_agentchat.messages import TextMessage
from autogen_core import CancellationToken
from autogen_core.code_executor import CodeBlock
from autogen_ext.code_executors.docker_jupyter import DockerJupyterCodeExecutor
from autogen_ext.code_executors.docker_jupyter._jupyter_server import JupyterConnectionInfo
from autogen_ext.tools.code_execution import CodeExecutionInput, PythonCodeExecutionTool

DIALECT = "jupyter"
CLIENT = "AutoGen"


@contextlib.contextmanager
def setup(url):
    """Yield a function that makes an executor."""
    address = urlsplit(url)
    connection = partial(JupyterConnectionInfo, host=address.hostname, use_https=False, port=address.port)
    with tempfile.TemporaryDirectory() as folder:
        yield lambda token=None, **options: DockerJupyterCodeExecutor(
            connection(token=token), output_dir=Path(folder), **options
        )


async def run(python, *codes):
    """Return the result of blocks of code."""
    blocks = [CodeBlock(code=code, language="python") for code in codes]
    return await python.execute_code_blocks(blocks, CancellationToken())


async def check_run(executor):
    """Code runs and variables stay."""
    async with executor() as python:
        first = await run(python, "x = 20", "print(x)")
        assert (first.exit_code, first.output) == (0, "\n20\n")
        assert (await run(python, "x + 1")).output == "21"


async def check_error(executor):
    """An error is told and code runs on."""
    async with executor() as python:
        failed = await run(python, "print('before')", "1 / 0")
        assert failed.exit_code == 1
        assert "ERROR: ZeroDivisionError: division by zero" in failed.output
        assert (await run(python, "5")).output == "5"


async def check_shown(executor):
    """Pictures and tables become files."""
    code = "import matplotlib.pyplot as plt, pandas\nplt.plot([1, 2])\nplt.show()\npandas.DataFrame({'a': [1]})"
    async with executor() as python:
        files = {file.suffix: file.read_bytes() for file in (await run(python, code)).output_files}
    assert files[".png"].startswith(b"\x89PNG\r\n")
    assert b"<table" in files[".html"]


async def check_restart(executor):
    """A restart forgets the variables."""
    async with executor() as python:
        await run(python, "x = 1")
        await python.restart()
        assert "NameError" in (await run(python, "x")).output


async def check_timeout(executor):
    """A timeout is told."""
    async with executor(timeout=1) as python:
        late = await run(python, "import time; time.sleep(600)")
    assert (late.exit_code, "Timeout waiting for output" in late.output) == (1, True)


async def check_token(executor):
    """A token is accepted although the daemon asks for none."""
    async with executor(token="any") as python:
        assert (await run(python, "1")).output == "1"


async def check_agent(executor):
    """A CodeExecutorAgent runs the code of a message."""
    async with executor() as python:
        agent = CodeExecutorAgent("runner", code_executor=python)
        message = TextMessage(content="```python\nprint('hello from code')\n```", source="user")
        answer = await agent.on_messages([message], CancellationToken())
    assert "hello from code" in answer.chat_message.content


async def check_tool(executor):
    """The tool for models runs code."""
    async with executor() as python:
        told = await PythonCodeExecutionTool(python).run(CodeExecutionInput(code="print(6 * 7)"), CancellationToken())
    assert (told.success, told.output) == (True, "42\n")


if __name__ == "__main__":
    checks.main(globals())
