"""Charts in E2B's form: what the package e2b-charts makes of the same figures, unless a test says that it does not."""

from typing import Any

import pytest
from worker_driver import DrivenWorker
from worker_modules import told

pytestmark = pytest.mark.xdist_group("libraries")

PLAIN = {"title": None, "x_label": None, "y_label": None, "x_unit": None, "y_unit": None}


def chart(worker: DrivenWorker, code: str) -> Any:
    """Return the chart of the figure that ``code`` draws with ``plt``."""
    drawn = (
        "import matplotlib.pyplot as plt, numpy as np, datetime\n"
        f"{code}\n"
        "figure = plt.gcf()\nfigure.canvas.draw()\nit = own('e2b_charts').chart_of(figure)\nplt.close('all')"
    )
    return told(worker, drawn)


def test_lines_have_points_ticks_and_all_that_is_written(library_worker: DrivenWorker) -> None:
    found = chart(
        library_worker,
        "plt.plot([1, 2, 3], [4, 5, 6], label='a')\nplt.plot([1, 2], [1, float('nan')])\nplt.axhline(2)\n"
        "plt.xticks([1, 2, 3])\nplt.yticks([0, 5])\n"
        "plt.xlabel('Time (s)')\nplt.ylabel('Speed [m/s]')\nplt.title('T')",
    )
    assert found == {
        "type": "line",
        "title": "T",
        "x_label": "Time (s)",
        "x_unit": "s",
        "y_label": "Speed [m/s]",
        "y_unit": "m/s",
        "x_ticks": [1.0, 2.0, 3.0],
        "x_tick_labels": ["1", "2", "3"],
        "x_scale": "linear",
        "y_ticks": [0.0, 5.0],
        "y_tick_labels": ["0", "5"],
        "y_scale": "linear",
        "elements": [
            {"label": "a", "points": [[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]]},
            {"label": "Line 1", "points": [[1.0, 1.0], [2.0, None]]},
        ],
    }


@pytest.mark.parametrize(
    ("code", "scales", "first"),
    [
        ("plt.plot([datetime.date(2023, 9, 1), datetime.date(2023, 9, 2)], [1, 2])", "datetime linear", "2023-09-01"),
        (
            "plt.plot(np.array(['2020-01-01', '2020-01-02'], dtype='datetime64[ns]'), [1, 2])",
            "datetime linear",
            "2020-01-01T00:00:00",
        ),
        ("plt.plot([1, 2, 3], list('ABC'))", "linear categorical", 1.0),
        ("plt.semilogy([1, 2, 3], [1, 10, 100])", "linear log", 1.0),
    ],
)
def test_axes_have_scales(library_worker: DrivenWorker, code: str, scales: str, first: object) -> None:
    found = chart(library_worker, code)
    assert f"{found['x_scale']} {found['y_scale']}" == scales
    assert found["elements"][0]["points"][0][0] == first
    if "datetime" in scales:
        assert all(tick.endswith("+00:00") for tick in found["x_ticks"])


def test_points_are_a_scatter(library_worker: DrivenWorker) -> None:
    found = chart(library_worker, "plt.scatter([1, 2], [3, 4])\nplt.scatter([5], [6], label='b')")
    assert found["type"] == "scatter"
    assert found["elements"] == [
        {"label": "_child0", "points": [[1.0, 3.0], [2.0, 4.0]]},
        {"label": "b", "points": [[5.0, 6.0]]},
    ]


@pytest.mark.parametrize(("draw", "labels"), [("bar", ("X", "Y")), ("barh", ("Y", "X"))])
def test_bars_have_names_groups_and_sizes(library_worker: DrivenWorker, draw: str, labels: tuple[str, str]) -> None:
    code = f"plt.{draw}(['a', 'b'], [100, 200.5])\nplt.{draw}(['a', 'b'], [1, 2], label='g')"
    found = chart(library_worker, f"{code}\nplt.xlabel('X')\nplt.ylabel('Y')")
    assert (found["type"], found["x_label"], found["y_label"]) == ("bar", *labels)
    assert found["elements"] == [
        {"label": "a", "group": "Group 0", "value": 100.0},
        {"label": "b", "group": "Group 0", "value": 200.5},
        {"label": "a", "group": "g", "value": 1.0},
        {"label": "b", "group": "g", "value": 2.0},
    ]


@pytest.mark.parametrize(
    ("code", "bars"),
    [
        ("plt.bar(['a', 'b'], [5, 5])", [("a", 5.0), ("b", 5.0)]),
        ("plt.hist([1, 1, 2, 3], bins=2)", [("1.5", 2.0), ("2.5", 2.0)]),
    ],
)
def test_bars_of_equal_height_and_of_numbers_are_right_here(library_worker: DrivenWorker, code: str, bars: Any) -> None:
    """e2b-charts takes the first ones for horizontal bars, and names the second ones after the ticks of the axis."""
    found = chart(library_worker, code)
    assert [(each["label"], each["value"]) for each in found["elements"]] == bars


def test_slices_have_angles(library_worker: DrivenWorker) -> None:
    found = chart(library_worker, "plt.pie([10, 30, 60], labels=['a', 'b', 'c'], autopct='%1.1f%%')\nplt.title('P')")
    assert found == {
        "type": "pie",
        "title": "P",
        "elements": [
            {"label": label, "angle": angle, "radius": 1.0} for label, angle in (("a", 36), ("b", 108), ("c", 216))
        ],
    }


@pytest.mark.parametrize("more", ["patch_artist=True", "", "orientation='horizontal'"])
def test_boxes_have_quartiles_and_all_outliers(library_worker: DrivenWorker, more: str) -> None:
    """e2b-charts knows only the vertical filled ones, and outliers only where a box has exactly one."""
    code = f"plt.boxplot([[1, 2, 3, 4, 50, 60, 3, 2], [2, 3, 4]], tick_labels=['a', 'b'], {more})\nplt.xlabel('X')"
    found = chart(library_worker, code)
    assert found["type"] == "box_and_whisker"
    assert found["y_label" if "horizontal" in more else "x_label"] == "X"
    first, second = found["elements"]
    assert (first["label"], first["outliers"]) == ("a", [50.0, 60.0])
    assert second == {
        "label": "b",
        "min": 2.0,
        "first_quartile": 2.5,
        "median": 3.0,
        "third_quartile": 3.5,
        "max": 4.0,
        "outliers": [],
    }


def test_boxes_that_are_drawn_again_filled_count_once(library_worker: DrivenWorker) -> None:
    found = chart(library_worker, "plt.boxplot([[1, 2]])\nplt.boxplot([[1, 2]], patch_artist=True)")
    assert len(found["elements"]) == 1


def test_several_axes_are_a_superchart(library_worker: DrivenWorker) -> None:
    found = chart(
        library_worker,
        "figure, (a, b) = plt.subplots(1, 2)\na.plot([1, 2])\nb.bar(['x'], [1])\nfigure.suptitle('S')",
    )
    assert (found["type"], found["title"]) == ("superchart", "S")
    assert [each["type"] for each in found["elements"]] == ["line", "bar"]


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("plt.imshow([[1, 2]])", {"type": "unknown", "title": None, "elements": []}),
        ("plt.bar(['a'], [1], yerr=[1])", {"type": "unknown", "title": None, "elements": []}),
        ("plt.subplots()", None),
        ("plt.figure()", None),
    ],
)
def test_other_figures_are_unknown_and_empty_ones_have_no_chart(
    library_worker: DrivenWorker, code: str, found: Any
) -> None:
    assert chart(library_worker, code) == found


def test_long_lines_are_thinned(library_worker: DrivenWorker) -> None:
    found = chart(library_worker, "plt.plot(np.arange(300_000))")
    points = found["elements"][0]["points"]
    assert len(points) == 100_000
    assert points[1] == [3.0, 3.0]
