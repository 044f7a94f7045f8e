"""Libraries that show things find their way here, as in a notebook."""

import pytest
from worker_driver import DrivenWorker
from worker_modules import PUBLISHED, shown

pytestmark = pytest.mark.xdist_group("libraries")

PLOTLY = "application/vnd.plotly.v1+json"


@pytest.fixture
def screen(library_worker: DrivenWorker) -> DrivenWorker:
    """Return the worker with libraries, which keeps what is published."""
    library_worker.run(PUBLISHED)
    library_worker.run("own('display').publish = _publish")
    return library_worker


def test_plotly(screen: DrivenWorker) -> None:
    pytest.importorskip("plotly")
    code = "import plotly.graph_objects as go\nfigure = go.Figure(go.Bar(y=[1, 2, 3]))\ndisplay(figure)"
    ((_, data, *_),) = shown(screen, code)
    assert data[PLOTLY]["data"][0]["y"] == [1, 2, 3]
    assert "plotly" in data["text/html"]
    assert len(data["text/html"]) < 100_000
    assert data["text/plain"].startswith("Figure({")
    ((_, data, *_),) = shown(screen, "figure.show()")
    assert PLOTLY in data


def test_altair(screen: DrivenWorker) -> None:
    pytest.importorskip("altair")
    code = (
        "import altair, pandas\n"
        "chart = altair.Chart(pandas.DataFrame({'a': [1], 'b': [2]})).mark_bar().encode(x='a', y='b')\n"
    )
    found = shown(screen, code + "display(chart)\nchart.show()")
    assert len(found) == 2
    for _, data, *_ in found:
        assert "vega" in data["text/html"]
        assert data["text/plain"].startswith("alt.Chart")


def test_bokeh(screen: DrivenWorker) -> None:
    pytest.importorskip("bokeh")
    code = "from bokeh.plotting import figure, show, output_notebook\np = figure()\np.line([1], [3])\n"
    assert "text/html" in shown(screen, code + "display(p)")[0][1]
    types = {mime for _, data, *_ in shown(screen, "output_notebook(hide_banner=True)\nshow(p)") for mime in data}
    assert {"application/vnd.bokehjs_load.v0+json", "application/vnd.bokehjs_exec.v0+json", "text/html"} <= types


def test_pictures_of_pillow(screen: DrivenWorker) -> None:
    found = shown(screen, "import PIL.Image\nimage = PIL.Image.new('RGB', (4, 4))\ndisplay(image)\nimage.show()")
    assert len(found) == 2
    for _, data, *_ in found:
        assert data["image/png"]["bytes"] > 50
        assert data["text/plain"].startswith("<PIL.Image.Image")


def test_sympy(screen: DrivenWorker) -> None:
    pytest.importorskip("sympy")
    ((_, data, *_),) = shown(screen, "import sympy\ndisplay(sympy.sqrt(sympy.Symbol('x')) / 2)")
    assert data["text/latex"] == "$\\displaystyle \\frac{\\sqrt{x}}{2}$"
    assert data["text/plain"] == "sqrt(x)/2"


@pytest.mark.parametrize("name", ["matplotlib", "plotly", "PIL"])
def test_a_module_of_the_users_own_with_such_a_name_stays_as_it_is(worker: DrivenWorker, name: str) -> None:
    (worker.cwd / f"{name}.py").write_text("mine = 1")
    code = "import sys\nsys.path[:] = [path for path in sys.path if 'site-packages' not in path]\n"
    assert worker.printed(f"{code}import {name}; print({name}.mine)") == "1\n"


def test_a_module_that_is_missing_is_still_missing(worker: DrivenWorker) -> None:
    code = "import sys\nsys.path[:] = [path for path in sys.path if 'site-packages' not in path]\nimport matplotlib"
    error = worker.run(code).error
    assert error is not None
    assert error["value"] == "No module named 'matplotlib'"
