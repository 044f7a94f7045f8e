"""Matplotlib's figures are shown as pictures: by ``plt.show()``, at the end of a cell, and as values."""

from collections.abc import Iterator
from typing import Any

import pytest
from worker_driver import DrivenWorker
from worker_modules import PUBLISHED, shown

pytestmark = pytest.mark.xdist_group("libraries")

PNG = "image/png"
DRAW = "figure, axes = plt.subplots()\naxes.plot([1, 2])\n"


@pytest.fixture
def screen(library_worker: DrivenWorker) -> Iterator[DrivenWorker]:
    """Yield the worker with libraries, which keeps what is published; ``plt`` is imported, no figure is open."""
    library_worker.run(PUBLISHED)
    library_worker.run(
        "import matplotlib\nimport matplotlib.pyplot as plt\nplt.close('all')\n"
        "matplotlib.use('module://interpreterd_inline')\nfor it in ('display', 'pictures'):\n"
        "    vars(importer.package).get(it) and setattr(importer.package.display, 'publish', _publish)"
    )
    yield library_worker
    library_worker.run("plt.close('all')\nown('pictures').choose_formats(['png'])")


def kinds(found: list[list[Any]]) -> list[tuple[str, list[str]]]:
    """Return kind and MIME types of what was published."""
    return [(kind, sorted(data)) for kind, data, *_ in found]


PICTURE = ("display", [PNG, "text/plain"])


def test_figures_that_are_left_open_are_shown_and_closed(screen: DrivenWorker) -> None:
    found = shown(screen, DRAW + "plt.figure()")
    assert kinds(found) == [PICTURE, PICTURE]
    assert found[0][1][PNG]["bytes"] > 1000
    assert found[0][1]["text/plain"] == "<Figure size 640x480 with 1 Axes>"
    assert screen.printed("print(plt.get_fignums())") == "[]\n"


def test_show_shows_all_figures_and_returns(screen: DrivenWorker) -> None:
    code = f"{DRAW}plt.figure()\nplt.show(block=True)\nprint(len(published), plt.get_fignums())"
    assert screen.printed(code) == "2 []\n"
    assert kinds(shown(screen)) == [PICTURE, PICTURE]
    assert shown(screen, "plt.show()") == []


def test_a_figure_shows_itself_and_is_not_repeated(screen: DrivenWorker) -> None:
    assert kinds(shown(screen, DRAW + "figure.show()")) == [PICTURE]


def test_a_figure_that_was_shown_is_repeated_only_if_it_has_changed(screen: DrivenWorker) -> None:
    assert kinds(shown(screen, DRAW + "display(figure)")) == [PICTURE]
    assert kinds(shown(screen, DRAW + "display(figure)\naxes.set_title('new')")) == [PICTURE, PICTURE]
    assert kinds(shown(screen, "display(figure)")) == [PICTURE]


def test_figures_are_shown_after_an_error_too(screen: DrivenWorker) -> None:
    error = screen.run(DRAW + "1 / 0").error
    assert error is not None
    assert error["name"] == "ZeroDivisionError"
    assert kinds(shown(screen)) == [PICTURE]


def test_a_figure_that_cannot_be_drawn_is_told_and_closed(screen: DrivenWorker) -> None:
    ran = screen.run(DRAW + r"axes.set_title(r'$\frac{$')")
    assert ran.error is None
    assert "ParseException" in ran.stderr or "ValueError" in ran.stderr
    assert kinds(shown(screen)) == [("display", ["text/plain"])]
    assert screen.printed("print(plt.get_fignums())") == "[]\n"


def test_the_backend_of_the_user_wins(screen: DrivenWorker) -> None:
    code = f"matplotlib.use('agg')\n{DRAW}plt.show()\nprint(plt.get_backend())"
    assert "agg\n" in screen.run(code).stdout
    assert shown(screen) == []
    assert screen.printed("print(plt.get_fignums())") == "[1]\n"


def test_the_users_variable_wins_and_children_get_none(screen: DrivenWorker) -> None:
    code = (
        "import subprocess, sys, os\nprint(os.environ.get('MPLBACKEND'))\n"
        "code = 'import matplotlib.pyplot as p; p.figure(); print(p.get_backend())'\n"
        "print(subprocess.run([sys.executable, '-c', code], capture_output=True, text=True).stdout)"
    )
    printed = screen.printed(code)
    assert printed.startswith("None\n")
    assert "inline" not in printed
    with DrivenWorker(screen.python, screen.cwd, {"MPLBACKEND": "svg"}) as other:
        assert other.printed("import matplotlib.pyplot as plt; plt.figure(); print(plt.get_backend())") == "svg\n"


def test_the_request_chooses_format_and_data(screen: DrivenWorker) -> None:
    request = {"type": "execute", "id": "1", "envs": {}, "code": DRAW}
    for more, types in (
        ({"imageFormat": "svg"}, ["image/svg+xml", "text/plain"]),
        ({"charts": True}, ["application/vnd.interpreterd.chart+json", PNG, "text/plain"]),
    ):
        screen.send(request | more)
        message = screen.receive()
        assert message is not None
        assert message["error"] is None
        found = shown(screen)
        assert kinds(found) == [("display", types)]
        if "charts" in more:
            assert found[0][1][types[0]]["type"] == "line"
        else:
            assert "<svg" in found[0][1][types[0]]


def test_the_code_chooses_formats(screen: DrivenWorker) -> None:
    screen.printed("own('pictures').choose_formats(['svg', 'retina'])")
    assert kinds(shown(screen, DRAW)) == [("display", ["image/png", "image/svg+xml", "text/plain"])]
    error = screen.run("own('pictures').choose_formats(['bmp'])").error
    assert error is not None
    assert error["value"] == "supported formats are png, svg, jpeg, pdf, not bmp"


def test_a_fork_shows_no_figure_of_its_parent(screen: DrivenWorker) -> None:
    code = DRAW + "import os\npid = os.fork()\nif pid: print(os.waitpid(pid, 0)[1])\nelse: published.append('child')"
    assert screen.run(code).stdout == "0\n"
    assert kinds(shown(screen)) == [PICTURE]


def test_figures_of_libraries_are_shown(screen: DrivenWorker) -> None:
    frame = "import pandas as pd\nframe = pd.DataFrame({'a': [1, 2], 'b': [2, 3]})\n"
    assert kinds(shown(screen, frame + "frame.plot()")) == [PICTURE]
    pytest.importorskip("seaborn")
    assert kinds(shown(screen, frame + "import seaborn\nseaborn.scatterplot(frame, x='a', y='b')")) == [PICTURE]
