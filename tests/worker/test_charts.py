"""The data of figures, which is enough to draw them again."""

from typing import Any

import pytest
from worker_driver import DrivenWorker
from worker_modules import told

pytestmark = pytest.mark.xdist_group("libraries")


def chart(worker: DrivenWorker, code: str) -> dict[str, Any]:
    """Return the data of the figure that ``code`` draws with ``plt``."""
    drawn = (
        "import matplotlib.pyplot as plt, numpy as np\n"
        f"{code}\n"
        "figure = plt.gcf()\nfigure.canvas.draw()\nit = own('charts').chart_of(figure)\nplt.close('all')"
    )
    found: dict[str, Any] = told(worker, drawn)
    return found


def test_lines_have_their_points_and_axes_all_that_is_written_on_them(library_worker: DrivenWorker) -> None:
    found = chart(
        library_worker,
        "plt.plot([1, 2, 3], [4, 5, float('nan')], label='first')\nplt.plot([1, 2], [100, 3])\nplt.axhline(2)\n"
        "plt.xlabel('Time (s)')\nplt.ylabel('Speed [m/s]')\nplt.title('A title')\nplt.yscale('log')",
    )
    assert (found["type"], found["title"]) == ("line", "A title")
    x, y = found["axes"]["x"], found["axes"]["y"]
    assert (x["label"], x["unit"], x["scale"]) == ("Time (s)", "s", "linear")
    assert (y["label"], y["unit"], y["scale"]) == ("Speed [m/s]", "m/s", "log")
    assert len(x["ticks"]) == len(x["tickLabels"]) > 2
    assert x["limits"][0] <= x["ticks"][0]
    assert found["series"] == [
        {"type": "line", "label": "first", "x": [1, 2, 3], "y": [4, 5, None]},
        {"type": "line", "label": None, "x": [1, 2], "y": [100, 3]},
    ]


@pytest.mark.parametrize(
    ("code", "orientation"),
    [
        ("plt.bar(['a', 'b'], [1, 2.5], label='g')", "vertical"),
        ("plt.barh(['a', 'b'], [1, 2.5], label='g')", "horizontal"),
    ],
)
def test_bars_have_their_names_and_sizes(library_worker: DrivenWorker, code: str, orientation: str) -> None:
    found = chart(library_worker, code)
    assert found["type"] == "bar"
    assert found["axes"]["x" if orientation == "vertical" else "y"]["scale"] == "categorical"
    (series,) = found["series"]
    assert (series["label"], series["orientation"]) == ("g", orientation)
    assert (series["x"], series["y"]) == (["a", "b"], [1, 2.5])


def test_stacked_bars_have_a_base(library_worker: DrivenWorker) -> None:
    found = chart(library_worker, "plt.bar([1, 2], [3, 4])\nplt.bar([1, 2], [1, 1], bottom=[3, 4])")
    assert [series.get("base") for series in found["series"]] == [None, [3, 4]]


def test_points_have_dates(library_worker: DrivenWorker) -> None:
    found = chart(library_worker, "import datetime as d\nplt.scatter([d.date(2020, 1, 1), d.date(2020, 2, 1)], [1, 2])")
    assert found["type"] == "scatter"
    assert found["axes"]["x"]["scale"] == "datetime"
    assert found["series"][0]["x"] == ["2020-01-01T00:00:00", "2020-02-01T00:00:00"]
    assert found["series"][0]["y"] == [1, 2]
    found = chart(library_worker, "plt.plot([1, 2], [3, 4], 'o')")
    assert found["type"] == "scatter"


def test_a_pie_has_its_shares(library_worker: DrivenWorker) -> None:
    found = chart(library_worker, "plt.pie([1, 3], labels=['x', 'y'])\nplt.title('Pie')")
    assert (found["type"], found["title"]) == ("pie", "Pie")
    (series,) = found["series"]
    assert series["labels"] == ["x", "y"]
    assert series["values"] == pytest.approx([0.25, 0.75])


@pytest.mark.parametrize(
    "code",
    [
        "plt.boxplot([[1, 2, 3, 4, 50], [2, 3, 4]])\nplt.xticks([1, 2], ['a', 'b'])",
        "import pandas as pd\npd.DataFrame({'a': [1, 2, 3, 4, 50], 'b': [2, 3, 4, None, None]}).boxplot()",
        "import seaborn as sns\nsns.boxplot({'a': [1, 2, 3, 4, 50], 'b': [2, 3, 4]})",
    ],
    ids=["matplotlib", "pandas", "seaborn"],
)
def test_boxes_have_their_numbers(library_worker: DrivenWorker, code: str) -> None:
    if "seaborn" in code:
        pytest.importorskip("seaborn")
    found = chart(library_worker, code)
    assert found["type"] == "box"
    (series,) = found["series"]
    assert series["boxes"] == [
        {"label": "a", "min": 1, "firstQuartile": 2, "median": 3, "thirdQuartile": 4, "max": 4, "outliers": [50]},
        {"label": "b", "min": 2, "firstQuartile": 2.5, "median": 3, "thirdQuartile": 3.5, "max": 4, "outliers": []},
    ]


def test_different_series_are_mixed(library_worker: DrivenWorker) -> None:
    found = chart(library_worker, "plt.plot([1, 2])\nplt.bar([1, 2], [3, 4])")
    assert found["type"] == "mixed"
    assert {series["type"] for series in found["series"]} == {"bar", "line"}


def test_several_charts_are_mixed(library_worker: DrivenWorker) -> None:
    found = chart(
        library_worker,
        "figure, (a, b) = plt.subplots(1, 2)\na.plot([1, 2])\nb.bar([1, 2], [3, 4])\nfigure.suptitle('Both')",
    )
    assert (found["type"], found["title"]) == ("mixed", "Both")
    assert [each["type"] for each in found["charts"]] == ["line", "bar"]


def test_dates_of_pandas_are_dates(library_worker: DrivenWorker) -> None:
    frame = "import pandas as pd\nf = pd.DataFrame({'a': [1, 2]}, index=pd.date_range('2020', periods=2))\n"
    found = chart(library_worker, frame + "f.plot()")
    assert found["series"][0]["x"] == ["2020-01-01T00:00:00", "2020-01-02T00:00:00"]
    assert (found["series"][0]["label"], found["axes"]["x"]["scale"]) == ("a", "datetime")


def test_groups_of_bars_have_the_names_of_their_rows(library_worker: DrivenWorker) -> None:
    frame = "import pandas as pd\npd.DataFrame({'a': [1, 2], 'b': [3, 4]}, index=['u', 'v']).plot.bar()"
    found = chart(library_worker, frame)
    assert [(series["label"], series["x"], series["y"]) for series in found["series"]] == [
        ("a", ["u", "v"], [1, 2]),
        ("b", ["u", "v"], [3, 4]),
    ]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("plt.errorbar([1, 2], [2, 3], yerr=.1)", "line"),
        ("plt.hist([1, 1, 2, 3])", "bar"),
        ("plt.figure()", "unknown"),
        ("plt.imshow(np.zeros((3, 3)))\nplt.colorbar()", "unknown"),
        ("plt.subplots(2, 2)", "unknown"),
        ("plt.figure().add_subplot(projection='3d').plot([1], [2], [3])", "unknown"),
        ("plt.figure().add_subplot(projection='polar').plot([1, 2], [2, 3])", "line"),
        ("plt.plot([1j.real, 2])\nplt.gca().set_xticks([])", "line"),
    ],
)
def test_any_figure_has_some_data(library_worker: DrivenWorker, code: str, kind: str) -> None:
    assert chart(library_worker, code)["type"] == kind


def test_long_series_are_thinned_and_say_so(library_worker: DrivenWorker) -> None:
    (series,) = chart(library_worker, "plt.plot(np.arange(100_000))")["series"]
    assert series["count"] == 100_000
    assert len(series["x"]) == len(series["y"]) == 20_000
    assert series["y"][:2] == [0, 5]
