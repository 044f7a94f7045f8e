"""Values as JSON: lists and dicts, and the columns of frames. Only for executions whose request wants these formats."""

import sys

COLUMNS_TYPE = "application/vnd.interpreterd.columns+json"
ITEMS_LIMIT = 250_000  # of a list or dict, at all depths
CELLS_LIMIT = 500_000  # of a frame
DEPTH_LIMIT = 200
_LEAST, _MOST = -(1 << 63), (1 << 64) - 1  # whole numbers that readers of JSON have


class TooLarge(ValueError):
    """A value has more parts than clients get."""

    __module__ = "builtins"  # so messages show no module


class _Converter:
    """Makes plain lists and dicts, as orjson does. Raises TypeError for what is no JSON, and ``TooLarge``."""

    def __init__(self):
        self._left = ITEMS_LIMIT
        modules = sys.modules
        self._enum = getattr(modules.get("enum"), "Enum", ())
        self._uuid = getattr(modules.get("uuid"), "UUID", ())
        names = ("datetime", "date", "time")
        self._moments = tuple(getattr(modules["datetime"], name) for name in names) if "datetime" in modules else ()

    def convert(self, value, depth=0):
        self._left -= 1
        if self._left < 0:
            raise TooLarge(f"it has more than {ITEMS_LIMIT} items")
        if depth > DEPTH_LIMIT:
            raise TypeError("too deep")
        if value is None or isinstance(value, (bool, float)):
            return value
        if isinstance(value, self._enum):
            return self.convert(value.value, depth + 1)
        if isinstance(value, int):
            if not _LEAST <= value <= _MOST:
                raise TypeError("too large")
            return int(value)
        if isinstance(value, str):
            return str.__str__(value)
        if isinstance(value, dict):
            return {self._key(key): self.convert(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list) or type(value) is tuple:
            return [self.convert(item, depth + 1) for item in value]
        return self._other(value, depth)

    def _key(self, key):
        if isinstance(key, str):
            return str.__str__(key)
        key = self.convert(key)
        if key is None or isinstance(key, bool):
            return {None: "null", True: "true", False: "false"}[key]
        if isinstance(key, (list, dict)):
            raise TypeError("no key")
        return key if isinstance(key, str) else repr(key)

    def _other(self, value, depth):
        if isinstance(value, self._moments):
            return value.isoformat()
        if isinstance(value, self._uuid):
            return str(value)
        kind = getattr(getattr(value, "dtype", None), "kind", None)
        if kind is not None and type(value).__module__ == "numpy":
            self._left -= value.size
            if self._left < 0:
                raise TooLarge(f"it has more than {ITEMS_LIMIT} items")
            if kind == "M":
                value = value.astype("datetime64[us]").astype(str)
            elif kind not in "iufb":
                raise TypeError("no JSON")
            return value.tolist()
        fields = getattr(type(value), "__dataclass_fields__", None)
        if fields is not None:
            return {name: self.convert(getattr(value, name), depth + 1) for name in fields}
        raise TypeError("no JSON")


def json_of(value):
    """Return a list or dict as JSON can have it; None if it cannot. Raises ``TooLarge``."""
    try:
        return _Converter().convert(value)
    except TooLarge:
        raise
    except Exception:  # also of the user's classes
        return None


def columns_of(frame, kind):
    """Return all values of a frame of pandas or polars, by column. Raises ``TooLarge``."""
    rows, columns = frame.shape
    if rows * columns > CELLS_LIMIT:
        raise TooLarge(f"it has more than {CELLS_LIMIT} cells")
    found = frame.to_dict(as_series=False) if hasattr(frame, "to_dicts") else kind.to_dict(frame, orient="list")
    return {str(name): [_plain(value) for value in values] for name, values in found.items()}


def _plain(value):
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    kind = getattr(getattr(value, "dtype", None), "kind", None)
    if kind is not None and hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if value != value:  # NaT
        return None
    try:
        return value.isoformat() if hasattr(value, "isoformat") else str(value)
    except Exception:
        return str(value)
