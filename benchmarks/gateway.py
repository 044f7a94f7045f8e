"""The peer of the Jupyter dialect: Jupyter's own Kernel Gateway with ipykernel, as it ships.

It is started like every measured server: it prints one JSON line, and ends when its stdin ends or SIGTERM comes.
"""

import json
import os
import sys
from pathlib import Path
from threading import Thread
from typing import Any

from benchmarks.servers import ROOT, Server


def gateway(directory: Path) -> Server:
    """Return a Kernel Gateway, not started yet; its log is kept in ``directory``."""
    return Server([sys.executable, "-m", "benchmarks.gateway", str(directory)], ROOT, directory / "gateway.log")


def serve(directory: str) -> None:
    """Serve kernels that work in ``directory``."""
    from kernel_gateway.gatewayapp import KernelGatewayApp

    os.chdir(directory)
    os.environ["IPYTHONDIR"] = f"{directory}/ipython"
    app: Any = KernelGatewayApp.instance(ip="127.0.0.1", port=0, log_level="ERROR")
    app.initialize([])
    port = next(iter(app.http_server._sockets.values())).getsockname()[1]  # the option stays 0
    print(json.dumps({"port": port, "pid": os.getpid()}), flush=True)

    def end_with_stdin() -> None:
        sys.stdin.read()
        app.stop(from_signal=True)

    Thread(target=end_with_stdin, daemon=True).start()
    app.start()


if __name__ == "__main__":
    serve(sys.argv[1])
