"""The data of a matplotlib figure as JSON, for programs that read the figure or draw it again.

A figure with one set of axes is one chart; one with several is ``mixed``, with a list of ``charts``. PROTOCOL.md has
the form.
"""

import re
import weakref

MIME_TYPE = "application/vnd.interpreterd.chart+json"
POINTS_LIMIT = 20_000  # of all series; of a longer one, every n-th
TICKS_LIMIT = 200
_UNIT = re.compile(r"^(.*?)\s*[(\[]([^()\[\]]+)[)\]]\s*$", re.DOTALL)
_boxes = weakref.WeakKeyDictionary()  # what ``Axes.bxp`` has drawn: matplotlib does not keep it


def note_boxes(module):
    """Let ``Axes.bxp``, which draws all box plots, note what it draws; called with ``matplotlib.axes._axes``."""
    original = module.Axes.bxp

    def bxp(self, bxpstats, *arguments, **options):
        bxpstats = list(bxpstats)
        drawn = original(self, bxpstats, *arguments, **options)
        places = options.get("positions")
        lies = options.get("orientation") == "horizontal" or options.get("vert") is False
        places = range(1, len(bxpstats) + 1) if places is None else places
        _boxes.setdefault(self, []).append((list(zip(bxpstats, places)), lies, drawn))
        return drawn

    for name in ("__module__", "__name__", "__qualname__", "__doc__", "__signature__"):
        if hasattr(original, name):
            setattr(bxp, name, getattr(original, name))
    bxp.__wrapped__ = original
    module.Axes.bxp = bxp


def chart_of(figure):
    """Return the data of ``figure``, which has been drawn."""
    axes = [each for each in figure.axes if each.get_label() != "<colorbar>" and each.get_visible()]
    title = getattr(getattr(figure, "_suptitle", None), "get_text", str)() or None
    charts = [_chart(each, POINTS_LIMIT // len(axes)) for each in axes]
    charts = [chart for chart in charts if chart["series"] or len(charts) == 1]
    if len(axes) == 1 or len(charts) == 1:
        return {**charts[0], "title": charts[0]["title"] or title}
    return {"type": "mixed" if charts else "unknown", "title": title, "charts": charts}


def _chart(axes, limit):
    x, y = Axis(axes.xaxis), Axis(axes.yaxis)
    is_flat = not hasattr(axes, "zaxis")  # matplotlib keeps a solid figure's places as they are projected
    series = (
        [*_boxes_of(axes, x, y), *_bars(axes, x, y), *_slices(axes), *_points(axes, x, y), *_lines(axes, x, y)]
        if is_flat
        else []
    )
    share = max(limit // max(len(series), 1), 1)
    kinds = {each["type"] for each in series}
    kind = kinds.pop() if len(kinds) == 1 else "mixed" if kinds else "unknown"
    chart = {"type": kind, "title": axes.get_title() or None}
    if kind != "pie":
        chart["axes"] = {"x": x.described(), "y": y.described()}
    return {**chart, "series": [_thinned(each, share) for each in series]}


class Axis:
    """One axis: it turns numbers back into the dates or names that they stand for."""

    def __init__(self, axis):
        self._axis = axis
        get = getattr(axis, "get_converter", None)
        converter = get() if get is not None else getattr(axis, "converter", None)
        self._name = type(converter).__name__ if converter is not None else ""
        mapping = getattr(getattr(axis, "units", None), "_mapping", None)
        self._names = {number: str(name) for name, number in mapping.items()} if mapping else {}
        self._freq = getattr(axis, "freq", None)  # of pandas: numbers count its periods

    @property
    def has_dates(self):
        """Whether its numbers stand for moments."""
        return not self._names and ("Date" in self._name or self.has_periods)

    @property
    def has_periods(self):
        """Whether its numbers count periods of pandas."""
        return self._freq is not None

    @property
    def scale(self):
        if self._names:
            return "categorical"
        return "datetime" if self.has_dates else self._axis.get_scale()

    def value(self, value):
        """Return a value as JSON has it."""
        if self._names:
            found = self._names.get(value) if isinstance(value, (int, float)) else None
            return found if found is not None else plain(value)
        if self._freq is not None and not isinstance(value, str):
            from pandas import Period

            period = value if isinstance(value, Period) else Period(ordinal=round(value), freq=self._freq)
            return period.to_timestamp().isoformat()
        if self.scale == "datetime" and isinstance(value, (int, float)):
            from matplotlib.dates import num2date

            return num2date(value).replace(tzinfo=None).isoformat()
        return plain(value)

    def values(self, values):
        values = values.tolist() if getattr(getattr(values, "dtype", None), "kind", "O") in "iufb" else list(values)
        return [self.value(value) for value in values]

    def described(self):
        label = self._axis.get_label().get_text() or None
        found = _UNIT.match(label or "")
        low, high = sorted(self._axis.get_view_interval())
        ticks = [(at, text) for at, text in self._ticks() if low <= at <= high]
        return {
            "label": label,
            "unit": found[2] if found else None,
            "scale": self.scale,
            "limits": [self.value(float(each)) for each in self._axis.get_view_interval()],
            "ticks": [self.value(value) for value, _ in ticks],
            "tickLabels": [text for _, text in ticks],
        }

    def name_at(self, place):
        """Return the name that the code has given to a place, or None."""
        if self._names:
            return self._names.get(round(place))
        if type(self._axis.get_major_formatter()).__name__ not in ("FixedFormatter", "FuncFormatter"):
            return None
        ticks = [(abs(at - place), label) for at, label in self._ticks()]
        distance, label = min(ticks, default=(1, None))
        return label if distance < 0.5 else None

    def _ticks(self):
        labels = self._axis.get_ticklabels()
        return [(float(at), label.get_text()) for at, label in zip(self._axis.get_ticklocs(), labels)][:TICKS_LIMIT]


def plain(value):
    """Return a single value of a series as JSON has it: NaN and infinity become null, dates ISO 8601."""
    if hasattr(value, "item") and getattr(getattr(value, "dtype", None), "kind", "O") not in "mM":
        value = value.item()
    if isinstance(value, float):
        return value if value - value == 0 else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _thinned(series, limit):
    """Return ``series`` with at most about ``limit`` points, and how many there were."""
    lists = [name for name, value in series.items() if isinstance(value, list) and name != "boxes"]
    count = max((len(series[name]) for name in lists), default=0)
    if count <= limit:
        return series
    step = -(-count // limit)
    return {**series, **{name: series[name][::step] for name in lists}, "count": count}


def _label(artist):
    label = artist.get_label()
    return None if label is None or str(label).startswith("_") else str(label)


def boxes_of(axes):
    """Return the groups of boxes that are in ``axes``: statistics with places, whether they lie, what was drawn."""
    return [
        group
        for group in _boxes.get(axes, ())
        if any(each.axes is axes for each in (*group[2]["boxes"], *group[2]["medians"]))  # not removed, nor cleared
    ]


def _boxes_of(axes, x, y):
    boxes = []
    for found, lies, _ in boxes_of(axes):
        for each, place in found:
            boxes.append(
                {
                    "label": (y if lies else x).name_at(float(place)) or plain(each.get("label")),
                    "min": plain(each.get("whislo")),
                    "firstQuartile": plain(each.get("q1")),
                    "median": plain(each.get("med")),
                    "thirdQuartile": plain(each.get("q3")),
                    "max": plain(each.get("whishi")),
                    "outliers": [plain(value) for value in list(each.get("fliers", ()))[:TICKS_LIMIT]],
                }
            )
    return [{"type": "box", "label": None, "boxes": boxes}] if boxes else []


def _artists_of_boxes(axes):
    return {artist for _, _, drawn in _boxes.get(axes, ()) for artists in drawn.values() for artist in artists}


def _bars(axes, x, y):
    series = []
    for container in axes.containers:
        bars = [each for each in getattr(container, "patches", ()) if hasattr(each, "get_height")]
        if not bars:
            continue
        lies = getattr(container, "orientation", "vertical") == "horizontal"
        along, across = (y, x) if lies else (x, y)
        starts = [(each.get_y(), each.get_height()) if lies else (each.get_x(), each.get_width()) for each in bars]
        sizes = [each.get_width() if lies else each.get_height() for each in bars]
        bottoms = [plain(each.get_x() if lies else each.get_y()) for each in bars]
        centres = [float(start + width / 2) for start, width in starts]
        found = {
            "type": "bar",
            "label": _label(container),
            "orientation": "horizontal" if lies else "vertical",
            "x": [along.name_at(centre) or along.value(_whole(centre)) for centre in centres],
            "y": [across.value(plain(size)) for size in sizes],
            "width": [plain(width) for _, width in starts],
        }
        if any(bottoms):
            found["base"] = bottoms
        series.append(found)
    return series


def _whole(number):
    return int(number) if number == int(number) else number


def _slices(axes):
    wedges = [each for each in axes.patches if hasattr(each, "theta1")]
    if not wedges:
        return []
    angles = [plain(each.theta2 - each.theta1) for each in wedges]
    return [
        {
            "type": "pie",
            "label": None,
            "labels": [_label(each) for each in wedges],
            "values": [angle / 360 for angle in angles],
            "angles": angles,
        }
    ]


def _points(axes, x, y):
    for each in axes.collections:
        if type(each).__name__ == "PathCollection":
            places = each.get_offsets().tolist()
            yield {
                "type": "scatter",
                "label": _label(each),
                "x": [x.value(place[0]) for place in places],
                "y": [y.value(place[1]) for place in places],
            }


def _lines(axes, x, y):
    hidden = _artists_of_boxes(axes)
    labels, has_bars = {}, any(hasattr(each, "patches") for each in axes.containers)
    for container in axes.containers:
        parts = list(getattr(container, "lines", ()) or ())
        if len(parts) == 3:  # of errorbar(): the data, the caps, the bars
            hidden.update(parts[1])
            labels[parts[0]] = _label(container)
        if hasattr(container, "markerline"):  # of stem()
            hidden.add(container.baseline)
    for line in axes.get_lines():
        if line in hidden or not line.get_visible() or line.get_transform() != axes.transData:
            continue
        label = _label(line) or labels.get(line)
        places = line.get_xdata(orig=False), line.get_ydata(orig=False)
        if label is None and has_bars and any(len(set(each.tolist())) < 2 for each in places):
            continue  # the error of a bar, as seaborn draws it
        is_line = line.get_linestyle() not in ("None", "none", " ", "")
        yield {
            "type": "line" if is_line else "scatter",
            "label": label,
            "x": x.values(line.get_xdata(orig=True)),
            "y": y.values(line.get_ydata(orig=True)),
        }
