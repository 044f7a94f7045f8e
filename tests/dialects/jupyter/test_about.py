"""What the server tells about itself."""

from kernels import Jupyter


async def test_the_server_is_there(jupyter: Jupyter) -> None:
    assert await jupyter.ask("GET", "/api") == (200, {"version": "2.21.1"})
    assert await jupyter.ask("GET", "/api?1795694062938") == (200, {"version": "2.21.1"})
