"""Frames of pandas and polars: as ``application/vnd.dataresource+json``, and the text of pandas' in less time.

The resource has a schema and the first rows, as in Frictionless Data's "Tabular Data Resource". Nothing here looks at
all rows of a long frame.
"""

import re

from worker.formatters import is_asked_for, leave_out

MIME_TYPE = "application/vnd.dataresource+json"
ROWS_LIMIT = 1000  # of a frame that has no more; all rows are there
LONG_FRAME_ROWS = 20  # of a longer one: more would take longer than its HTML
CELLS_LIMIT = 100_000
_TYPES = {"i": "integer", "u": "integer", "f": "number", "b": "boolean", "M": "datetime", "m": "duration", "c": "any"}
_CELL = re.compile(r"<t[hd][^>]*>(.*?)</t[hd]>", re.DOTALL)
_SIZE = re.compile(r"<p>(\d+) rows × (\d+) columns</p>")


def _rows_of(count, columns):
    rows = count if count <= ROWS_LIMIT else LONG_FRAME_ROWS
    return min(rows, max(CELLS_LIMIT // max(columns, 1), 1))


def _resource(fields, key, rows):
    schema = {"fields": fields}
    if key:
        schema["primaryKey"] = key
    return {"schema": schema, "data": rows}


def _distinct(names):
    """Return ``names`` as str, each different, as pandas reads a file with equal names."""
    found, seen = [], set()
    for name in map(str, names):
        distinct, number = name, 0
        while distinct in seen:
            number += 1
            distinct = f"{name}.{number}"
        seen.add(distinct)
        found.append(distinct)
    return found


def add_pandas(frame, kind, data, is_wanted):
    """Return more representations of a frame, of which ``data`` has the HTML; ``kind`` is the class ``DataFrame``."""
    more = {}
    if is_wanted("text/plain"):
        text = _text_of(frame, data.get("text/html"))
        if text is not None:
            more["text/plain"] = text
    if is_asked_for(MIME_TYPE, usual=True) and is_wanted(MIME_TYPE):
        more[MIME_TYPE] = _resource_of_pandas(frame, kind)
    return {**more, **_columns(frame, kind, is_wanted)}


def _columns(frame, kind, is_wanted):
    """Return all values by column, if the execution's request wants them."""
    from worker.values import COLUMNS_TYPE, TooLarge, columns_of

    try:
        wanted = is_asked_for(COLUMNS_TYPE) and is_wanted(COLUMNS_TYPE)
        return {COLUMNS_TYPE: columns_of(frame, kind)} if wanted else {}
    except TooLarge as raised:
        leave_out(COLUMNS_TYPE, raised)
        return {}


def _resource_of_pandas(frame, kind):
    from json import loads

    columns = frame.shape[1]
    head = frame.iloc[: _rows_of(len(frame), columns)]
    if columns > CELLS_LIMIT:
        head = head.iloc[:, :CELLS_LIMIT]
    index = head.index
    levels = list(index.levels) if hasattr(index, "levels") else [index]
    several = hasattr(index, "levels")
    names = list(index.names)
    keys = [(f"level_{at}" if several else "index") if name is None else name for at, name in enumerate(names)]
    fields_of = _distinct([*keys, *head.columns])
    dtypes = [*(level.dtype for level in levels), *head.dtypes]
    options = {"orient": "split", "date_format": "iso", "double_precision": 15, "default_handler": str}
    found = loads(kind.to_json(head, **options))
    rows = [
        dict(zip(fields_of, (*(key if several else (key,)), *row))) for key, row in zip(found["index"], found["data"])
    ]
    return _resource([_field(*each) for each in zip(fields_of, dtypes)], fields_of[: len(levels)], rows)


def _field(name, dtype):
    if str(dtype) == "category":
        if len(dtype.categories) > ROWS_LIMIT:
            return {"name": name, "type": "any"}
        categories = [each if isinstance(each, (str, int, float)) else str(each) for each in dtype.categories.tolist()]
        return {"name": name, "type": "any", "constraints": {"enum": categories}, "ordered": bool(dtype.ordered)}
    field = {"name": name, "type": _TYPES.get(getattr(dtype, "kind", "O"), "string")}
    zone = getattr(dtype, "tz", None)
    return field if zone is None else {**field, "tz": str(zone)}


def _text_of(frame, html):
    """Return what ``repr(frame)`` returns, made from the cells of its HTML; None if only pandas can do it.

    pandas formats each value for either form, which takes most of the time.
    """
    dtypes = list(frame.dtypes)
    if html is None or "span=" in html or not all(dtype.kind in "iufbMO" for dtype in dtypes):
        return None
    before, _, inside = html.partition("<thead>")
    head, _, body = inside.partition("</thead>")
    if not before or head.count("<tr") != 1:  # the index, or the columns, have a name
        return None
    table = [_CELL.findall(row) for row in (head, *body.split("<tr")[1:])]
    if {len(row) for row in table} != {len(dtypes) + 1} or len(table) < 2 or "&" in body or "&" in head:
        return None
    index, *columns = zip(*table)
    if any(key.startswith("-") for key in index):
        return None
    lines = [" ".join(row) for row in zip(_aligned(index, str.ljust), *map(_column, columns, dtypes))]
    from pandas import get_option

    if len(lines[0]) > (get_option("display.width") or 0) or get_option("display.colheader_justify") != "right":
        return None
    size = _SIZE.search(html)
    return "\n".join(lines) + (f"\n\n[{size[1]} rows x {size[2]} columns]" if size else "")


def _column(cells, dtype):
    name, *values = cells
    if dtype.kind != "M":  # pandas leaves room for a sign
        values = [value if value[:1] == "-" and dtype.kind != "O" else f" {value}" for value in values]
    return _aligned([f" {name}" if dtype.kind in "iufb" else name, *values], str.rjust)


def _aligned(cells, justify):
    width = max([len(cell) for cell in cells if cell.strip() != "..."])
    dots = "..." if width > 3 else ".."
    cells = [dots if cell.strip() == "..." else cell for cell in cells]
    return [justify(cell, max(map(len, cells))) for cell in cells]


def add_polars(frame, kind, data, is_wanted):
    """Return more representations of a frame of polars."""
    more = _columns(frame, kind, is_wanted)
    if not (is_asked_for(MIME_TYPE, usual=True) and is_wanted(MIME_TYPE)):
        return more
    names = frame.columns[:CELLS_LIMIT]
    head = frame.select(names).head(_rows_of(frame.height, frame.width))
    fields = [{"name": name, "type": _type_of_polars(str(dtype))} for name, dtype in zip(names, head.dtypes)]
    rows = [dict(zip(names, map(_plain, row))) for row in head.rows()]
    return {MIME_TYPE: _resource(fields, [], rows), **more}


def _type_of_polars(name):
    for beginnings, kind in (
        (("Int", "UInt"), "integer"),
        (("Float", "Decimal"), "number"),
        (("Boolean",), "boolean"),
        (("Datetime",), "datetime"),
        (("Date",), "date"),
        (("Time",), "time"),
        (("Duration",), "duration"),
        (("List", "Array"), "array"),
        (("Struct",), "object"),
    ):
        if name.startswith(beginnings):
            return kind
    return "string"


def _plain(value):
    """Return ``value`` as JSON can have it."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
