"""The data of a matplotlib figure in the form of E2B's charts, which its SDKs turn into objects.

The forms are those of the package e2b-charts on PyPI: ``line``, ``scatter``, ``bar``, ``pie``, ``box_and_whisker``,
``superchart`` for several axes, and ``unknown``. Bars have the orientation and the labels that they were drawn with,
and boxes all their outliers.
"""

import re

from worker.charts import Axis, boxes_of, plain

MIME_TYPE = "application/vnd.e2b.chart+json"
POINTS_LIMIT = 100_000  # of all elements; of a longer line, every n-th
_UNIT = re.compile(r"\s\((.*?)\)|\[(.*?)\]")
_NUMBERED = re.compile(r"_(?:child|container)(\d+)")


def chart_of(figure):
    """Return the chart of ``figure``, which has been drawn; None if nothing is drawn in it."""
    axes = figure.get_axes()
    if not any(each.has_data() for each in axes):
        return None
    limit = POINTS_LIMIT // len(axes)
    if len(axes) == 1:
        return _chart(axes[0], limit)
    title = getattr(getattr(figure, "_suptitle", None), "get_text", str)()
    return {"type": "superchart", "title": title, "elements": [_chart(each, limit) for each in axes]}


def _chart(axes, limit):
    kind = _kind(axes)
    chart = {"type": kind, "title": axes.get_title() or None, "elements": []}
    if kind == "pie":
        chart["elements"] = [_slice(wedge) for wedge in axes.patches]
        return chart
    if kind == "unknown":
        return chart
    for name, label in (("x", axes.get_xlabel() or None), ("y", axes.get_ylabel() or None)):
        found = _UNIT.search(label or "")
        chart[f"{name}_label"] = label
        chart[f"{name}_unit"] = (found[1] or found[2]) if found else None
    x, y = Axis(axes.xaxis), Axis(axes.yaxis)
    if kind in ("line", "scatter"):
        chart.update(_scale("x", axes.xaxis, x))
        chart.update(_scale("y", axes.yaxis, y))
        chart["elements"] = list((_lines if kind == "line" else _points)(axes, x, y, limit))
        return chart
    elements, lies = (_bars if kind == "bar" else _boxes)(axes, x, y)
    chart["elements"] = elements
    if lies:
        for part in ("label", "unit"):
            chart[f"x_{part}"], chart[f"y_{part}"] = chart[f"y_{part}"], chart[f"x_{part}"]
    return chart


def _kind(axes):
    """Return the type of a chart: what all drawn things are, without the text and the lines of a grid."""
    lines, patches = list(axes.lines), list(axes.patches)
    others = [*axes.collections, *axes.images, *axes.tables, *axes.artists]
    if boxes_of(axes) and not axes.collections:
        return "box_and_whisker"
    if not patches and not others:
        return "line"
    if any(not is_grid_line(line) for line in lines):
        return "unknown"
    if not patches and all(type(each).__name__ == "PathCollection" for each in others):
        return "scatter"
    if patches and not others:
        if all(hasattr(each, "theta1") and hasattr(each, "r") for each in patches):
            return "pie"
        if all(hasattr(each, "get_height") and hasattr(each, "get_x") for each in patches):
            return "bar"
    return "unknown"


def is_grid_line(line):
    """Whether ``line`` looks like one of a grid: two points, at the same height or above each other."""
    x, y = list(line.get_xdata()), list(line.get_ydata())
    return len(x) == 2 and len(y) == 2 and bool(x[0] == x[1] or y[0] == y[1])


def _scale(name, axis, values):
    """Return the ticks of an axis and its scale."""
    places = axis.get_ticklocs()
    labels = [label.get_text() for label in axis.get_ticklabels()]
    if values.has_dates:
        ticks, scale = [_moment(place, values) for place in places], "datetime"
    else:
        ticks, scale = [_number(place) for place in places], axis.get_scale()
        # Ticks from 0 on, each with a name.
        if scale == "linear" and all(
            tick == at and label != str(at) for at, (tick, label) in enumerate(zip(ticks, labels))
        ):
            scale = "categorical"
    return {f"{name}_ticks": ticks, f"{name}_tick_labels": labels, f"{name}_scale": scale}


def _moment(place, axis):
    if axis.has_periods:
        return axis.value(float(place))
    from matplotlib.dates import num2date

    return num2date(place).isoformat()


def _number(value):
    value = plain(value)
    return float(value) if isinstance(value, (int, float)) else value


def _values(raw, axis):
    """Return values as they were given, not as the numbers that they are drawn at: dates are ISO 8601."""
    return [_value(value, axis) for value in raw]


def _value(value, axis):
    if getattr(getattr(value, "dtype", None), "kind", "O") == "M":
        return str(value.astype("datetime64[s]"))
    return axis.value(value) if axis.has_periods else _number(value)


def _thinned(x, y, limit):
    x, y = list(x), list(y)
    step = max(1, -(-min(len(x), len(y)) // max(1, limit)))
    return x[::step], y[::step]


def _lines(axes, x, y, limit):
    lines = [line for line in axes.lines if not is_grid_line(line)]
    for line in lines:
        found = _thinned(line.get_xdata(orig=True), line.get_ydata(orig=True), limit // len(lines))
        yield {"label": _label(line, "Line"), "points": list(zip(_values(found[0], x), _values(found[1], y)))}


def _points(axes, x, y, limit):
    for each in axes.collections:
        places = each.get_offsets()
        found = _thinned(places[:, 0].tolist(), places[:, 1].tolist(), limit // len(axes.collections))
        yield {"label": str(each.get_label()), "points": list(zip(*(map(_number, one) for one in found)))}


def _label(artist, kind):
    label = str(artist.get_label())
    found = _NUMBERED.fullmatch(label)
    return f"{kind} {int(found[1])}" if found else label


def _bars(axes, x, y):
    elements, lies = [], False
    for container in axes.containers:
        bars = [each for each in getattr(container, "patches", ()) if hasattr(each, "get_height")]
        lies = getattr(container, "orientation", None) == "horizontal"
        along = y if lies else x
        for each in bars:
            start, width = (each.get_y(), each.get_height()) if lies else (each.get_x(), each.get_width())
            centre = float(start + width / 2)
            name = along.name_at(centre)
            value = each.get_width() if lies else each.get_height()
            elements.append(
                {
                    "label": str(along.value(_whole(centre))) if name is None else name,
                    "group": _label(container, "Group"),
                    "value": _number(value),
                }
            )
    return elements, lies


def _whole(number):
    return int(number) if number == int(number) else round(number, 8)


def _slice(wedge):
    return {
        "label": str(wedge.get_label()),
        "angle": _rounded(abs(wedge.theta2 - wedge.theta1)),
        "radius": float(wedge.r),
    }


def _boxes(axes, x, y):
    """Return all boxes; of filled and empty ones only those that are filled, which may be drawn over the others."""
    groups = boxes_of(axes)
    filled = [each for each in groups if any(not hasattr(box, "get_xdata") for box in each[2]["boxes"])]
    elements, lies = [], False
    for found, lies, _ in filled or groups:
        for each, place in found:
            name = (y if lies else x).name_at(float(place))
            elements.append(
                {
                    "label": str(each.get("label") or _whole(float(place))) if name is None else name,
                    "min": _rounded(each.get("whislo")),
                    "first_quartile": _rounded(each.get("q1")),
                    "median": _rounded(each.get("med")),
                    "third_quartile": _rounded(each.get("q3")),
                    "max": _rounded(each.get("whishi")),
                    "outliers": [_rounded(value) for value in list(each.get("fliers", ()))[:POINTS_LIMIT]],
                }
            )
    return elements, lies


def _rounded(number):
    """Return a number without the noise of floating point: fewer digits for larger numbers."""
    value = _number(number)
    if not value:
        return value
    exponent = int(f"{abs(value):e}".partition("e")[2])
    return float(f"{value:.{max(1, 8 - exponent)}g}")
