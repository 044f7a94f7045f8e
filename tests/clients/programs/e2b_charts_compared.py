"""Code for a context whose Python has e2b-charts: draws figures, leaves them open, and prints the charts of them."""

import contextlib
import datetime
import io
import json

import matplotlib.pyplot as plt
import numpy as np
from e2b_charts import chart_figure_to_dict

DAYS = [datetime.date(2023, 9, 1) + datetime.timedelta(days=day) for day in range(5)]
DATA = {"Class A": [85, 90, 78, 92, 88], "Class B": [95, 89, 76, 91, 84, 87], "C": [75, 82, 88, 79, 86]}


def bars_in_groups():
    plt.bar(np.arange(3) - 0.2, [1, 2, 3], 0.4, label="m")
    plt.bar(np.arange(3) + 0.2, [2, 3, 4], 0.4, label="w")
    plt.xticks(np.arange(3), ["a", "b", "c"])


DRAWINGS = {
    "lines": lambda: (plt.plot([1, 2, 3], [4, 5, 6], label="a"), plt.plot([1, 2, 3], [1, 2, 1]), plt.grid(True)),
    "labels": lambda: (plt.plot([1, 2, 3]), plt.xlabel("Time (s)"), plt.ylabel("V [mV]"), plt.title("T")),
    "dates": lambda: plt.plot(DAYS, range(5)),
    "datetime64": lambda: plt.plot(np.array(["2020-01-01", "2020-01-02"], dtype="datetime64[ns]"), [1, 2]),
    "names": lambda: plt.plot([1, 2, 3], list("ABC")),
    "logarithm": lambda: (plt.semilogy([1, 2, 3], [1, 10, 100]), plt.ylabel("Y-axis (log scale)"), plt.legend(["l"])),
    "points": lambda: (plt.scatter([1, 2], [3, 4]), plt.scatter([1, 2], [3, 1], label="b"), plt.axvline(1.5)),
    "bars": lambda: (plt.bar(["A", "B"], [100, 200.5]), plt.xlabel("Authors"), plt.ylabel("N (k)")),
    "lying bars": lambda: (plt.barh(["A", "B"], [100, 200]), plt.xlabel("Authors"), plt.ylabel("N (k)")),
    "bars in groups": bars_in_groups,
    "stacked bars": lambda: (plt.bar(["a", "b"], [1, 2]), plt.bar(["a", "b"], [2, 1], bottom=[1, 2], label="h")),
    "slices": lambda: plt.pie([10, 30, 60.5], labels=["a", "b", "c"], autopct="%1.1f%%", radius=1.2),
    "boxes": lambda: plt.boxplot(list(DATA.values()), tick_labels=list(DATA), patch_artist=True),
    "subplots": lambda: (plt.subplot(121).plot([1, 2]), plt.subplot(122).bar(["x", "y"], [1, 2]), plt.suptitle("S")),
    "two scales": lambda: (plt.plot([1, 2]), plt.twinx().plot([3, 4])),
    "picture": lambda: (plt.imshow([[1, 2], [3, 4]]), plt.colorbar()),
    "circles": lambda: (plt.gca().add_artist(plt.Circle((0, 0), 1)), plt.title("Two")),
    "text": lambda: (plt.plot([1, 2]), plt.text(1, 1, "hi")),
    "area": lambda: plt.fill_between([1, 2, 3], [1, 2, 3]),
}


def theirs(draw):
    """Return the chart that e2b-charts makes of what ``draw`` draws; the figure is left open, and so is shown."""
    figure = plt.figure()
    draw()
    figure.canvas.draw()
    with contextlib.redirect_stderr(io.StringIO()):  # of pydantic, about the parts of a superchart
        return json.loads(json.dumps(chart_figure_to_dict(figure)))


print(json.dumps({name: theirs(draw) for name, draw in DRAWINGS.items()}))
