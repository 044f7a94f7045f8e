"""jupyter_server's gateway classes: what its managers and its client of a kernel do with a gateway."""

import asyncio
import contextlib
import os
from queue import Empty
from types import SimpleNamespace

import checks
from jupyter_server.gateway.gateway_client import GatewayClient
from jupyter_server.gateway.managers import (
    GatewayKernelManager,
    GatewayKernelSpecManager,
    GatewayMappingKernelManager,
)
from traitlets.config import Configurable

DIALECT = "jupyter"
CLIENT = "jupyter_server's gateway classes"
LIMIT_S = 20
LOOK_S = 0.05
IDLE = ("status", {"execution_state": "idle"})


class Kernel:
    """A kernel and a connected client.

    Attributes:
        client: Receives what belongs to the kernel; the last that ``connect`` has made.
    """

    def __init__(self):
        self.manager = GatewayKernelManager(kernel_name="python3")

    async def connect(self):
        """Connect a new client and wait for the kernel."""
        self.client = self.manager.client()
        await self.client.start_channels()
        await self.client.wait_for_ready(timeout=LIMIT_S)

    async def run(self, code, answer=None, on_output=None, **options):
        """Run code; return its reply's content, and what was published of it but its input and its statuses."""
        options = {"allow_stdin": answer is not None, **options}
        async with asyncio.timeout(LIMIT_S):
            return await self._run(code, answer, on_output, options)

    async def _run(self, code, answer, on_output, options):
        asked = self.client.execute(code, **options)
        published = []
        while IDLE not in published:
            if answer is not None and self.client.stdin_channel.qsize():
                published.append(("input_request", (await self.client.get_stdin_msg())["content"]))
                self.client.input(answer)
            try:
                message = await self.client.get_iopub_msg(timeout=LOOK_S)
            except Empty:
                continue
            if message["parent_header"].get("msg_id") == asked:
                published.append((message["msg_type"], message["content"]))
                if on_output and message["msg_type"] == "stream":
                    await on_output()
        while (reply := await self.client.get_shell_msg(timeout=LIMIT_S))["parent_header"]["msg_id"] != asked:
            pass
        return reply["content"], [it for it in published if it[0] not in ("status", "execute_input")]

    async def text(self, code, **options):
        """Return what code prints."""
        published = (await self.run(code, **options))[1]
        return "".join(content["text"] for kind, content in published if kind == "stream")

    async def result(self, code):
        """Return the text of what code's last expression is."""
        return (await self.run(code))[1][-1][1]["data"]["text/plain"]


class Server(Configurable):
    """Stands for the server that a manager of kernel specs belongs to."""

    base_url = "/"
    kernel_manager = SimpleNamespace(default_kernel_name="python3")


@contextlib.asynccontextmanager
async def setup(url):
    """Yield a connected kernel."""
    GatewayClient.instance().url = url
    kernel = Kernel()
    await kernel.manager.start_kernel(env=os.environ | {"KERNEL_USERNAME": "ann"})
    await kernel.connect()
    yield kernel
    kernel.client.stop_channels()
    await kernel.manager.shutdown_kernel()


async def check_specs(kernel):
    """The kernel specs are found."""
    specs = GatewayKernelSpecManager(parent=Server())
    assert list(await specs.get_all_specs()) == ["python3"]
    spec = await specs.get_kernel_spec("python3")
    assert (spec["name"], spec["spec"]["language"]) == ("python3", "python")


async def check_logos(kernel):
    """A kernel spec has logos."""
    specs = GatewayKernelSpecManager(parent=Server())
    paths = (await specs.get_all_specs())["python3"]["resources"].values()
    assert paths
    for path in paths:
        assert await specs.get_kernel_spec_resource("python3", path.rpartition("/")[2]), path


async def check_alive(kernel):
    """A kernel is listed and alive until it is shut down."""
    kernels = GatewayMappingKernelManager()
    one = await kernels.start_kernel(kernel_name="python3")
    assert one in [model["id"] for model in await kernels.list_kernels()]
    assert await kernels.get_kernel(one).is_alive()
    await kernels.shutdown_kernel(one)
    assert await kernels.list_kernels() == []


async def check_run(kernel):
    """Code runs, with its output and its result."""
    reply, published = await kernel.run("x = 20\nprint('é', x)\nx + 1")
    assert reply["status"] == "ok"
    assert published[0] == ("stream", {"name": "stdout", "text": "é 20\n"})
    assert published[-1][1]["data"] == {"text/plain": "21"}


async def check_environment(kernel):
    """KERNEL_ variables of the client are in the kernel's environment."""
    assert await kernel.text("import os; print(os.environ['KERNEL_USERNAME'])") == "ann\n"


async def check_input(kernel):
    """input() and getpass() ask the client."""
    _, published = await kernel.run("print(input('name? ') * 2)", answer="Bo")
    assert published[0] == ("input_request", {"prompt": "name? ", "password": False})
    assert published[-1] == ("stream", {"name": "stdout", "text": "BoBo\n"})
    _, published = await kernel.run("import getpass; print(getpass.getpass('word? '))", answer="hush")
    assert published[0] == ("input_request", {"prompt": "word? ", "password": True})
    assert published[-1] == ("stream", {"name": "stdout", "text": "hush\n"})


async def check_no_input(kernel):
    """input() fails at once and says why when the client does not allow it."""
    reply, _ = await kernel.run("input()")
    assert (reply["status"], "input()" in reply["evalue"]) == ("error", True)


async def check_silent(kernel):
    """Silent code shows no result and does not count."""
    first, _ = await kernel.run("0")
    _, published = await kernel.run("print('told'); 5", silent=True)
    then, _ = await kernel.run("0")
    assert published == [("stream", {"name": "stdout", "text": "told\n"})]
    assert then["execution_count"] == first["execution_count"] + 1


async def check_interrupt(kernel):
    """An interrupt ends code and keeps the variables."""
    reply, _ = await kernel.run("x = 20\nprint('in')\nwhile True: pass", on_output=kernel.manager.interrupt_kernel)
    assert reply["ename"] == "KeyboardInterrupt"
    assert await kernel.result("x") == "20"


async def check_lossless(kernel):
    """Everything that is printed arrives."""
    told = await kernel.text("for i in range(20_000): print(str(i) * 20)")
    assert told == "".join(f"{str(i) * 20}\n" for i in range(20_000))


async def check_two_clients(kernel):
    """Clients of one kernel see each other's executions."""
    other = kernel.manager.client()
    await other.start_channels()
    await other.wait_for_ready(timeout=LIMIT_S)
    await kernel.run("print('for all')")
    while (message := await other.get_iopub_msg(timeout=LIMIT_S))["msg_type"] != "stream":
        pass
    assert message["content"]["text"] == "for all\n"
    other.stop_channels()


async def check_reconnect(kernel):
    """A new connection finds the variables."""
    await kernel.run("kept = 1")
    kernel.client.stop_channels()
    await kernel.connect()
    assert await kernel.result("kept") == "1"


async def check_restart(kernel):
    """A restart forgets the variables."""
    await kernel.run("gone = 1")
    await kernel.manager.restart_kernel()
    kernel.client.stop_channels()
    await kernel.connect()
    assert (await kernel.run("gone"))[0]["ename"] == "NameError"


if __name__ == "__main__":
    checks.main(globals())
