"""The one kind of kernel, and its logos."""

from kernels import Jupyter


async def test_there_is_one_kind(jupyter: Jupyter) -> None:
    status, specs = await jupyter.ask("GET", "/api/kernelspecs?user=bo&1795694062938")
    assert (status, specs["default"], list(specs["kernelspecs"])) == (200, "python3", ["python3"])
    spec = specs["kernelspecs"]["python3"]
    assert await jupyter.ask("GET", "/api/kernelspecs/python3") == (200, spec)
    assert spec["spec"].items() >= {"language": "python", "metadata": {}, "env": {}}.items()
    assert spec["spec"]["display_name"].startswith("Python 3")


async def test_its_logos_are_pictures(jupyter: Jupyter) -> None:
    _, spec = await jupyter.ask("GET", "/api/kernelspecs/python3")
    assert spec["resources"].keys() == {"logo-svg", "logo-32x32", "logo-64x64"}
    for name, path in spec["resources"].items():
        async with jupyter.http.get(path) as response:
            assert response.status == 200
            assert response.content_type == ("image/svg+xml" if name == "logo-svg" else "image/png")
            assert await response.read()


async def test_no_other_kind_and_file_is_there(jupyter: Jupyter) -> None:
    for path in ("/api/kernelspecs/ruby", "/kernelspecs/ruby/logo-svg.svg", "/kernelspecs/python3/kernel.js"):
        status, body = await jupyter.ask("GET", path)
        assert (status, body["reason"]) == (404, "Not Found")
        assert body["message"]
