"""A notebook, by nbclient over a gateway: it tells its kernel's id, and waits for a line before its last cell.

The address of the gateway is JUPYTER_GATEWAY_URL's, as for JupyterLab.
"""

import asyncio
import json
import os
import sys

import nbformat
from jupyter_server.gateway.gateway_client import GatewayClient
from jupyter_server.gateway.managers import GatewayKernelManager
from nbclient import NotebookClient

FIRST = "seen = ['a notebook']"
LAST = "print(*seen, sep=', ')"


async def main():
    GatewayClient.instance(url=os.environ["JUPYTER_GATEWAY_URL"])
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in (FIRST, LAST)])
    client = NotebookClient(notebook, kernel_manager_class=GatewayKernelManager, kernel_name="python3")
    async with client.async_setup_kernel():
        await client.async_execute_cell(notebook.cells[0], 0)
        print(json.dumps(client.km.kernel_id), flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        cell = await client.async_execute_cell(notebook.cells[1], 1)
        print(json.dumps("".join(output["text"] for output in cell["outputs"])), flush=True)


asyncio.run(main())
