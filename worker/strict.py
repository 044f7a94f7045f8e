"""Values of user code as JSON, strictly: what JSON cannot hold is a TypeError that names its place."""

from _json import encode_basestring_ascii

LEAST, MOST = -(2**63), 2**64 - 1  # what the daemon's reader of JSON takes exactly
DEPTH_LIMIT = 200
_INFINITE = ("inf", "-inf", "nan")


def encode_call(args, kwargs):
    """Return the arguments of a call as two JSON texts. Raises TypeError."""
    return _encode(args, "args", 0), _encode(kwargs, "kwargs", 0)


def _encode(value, path, depth):
    kind = type(value)
    if kind is str:
        return _text(value, path)
    if value is None:
        return "null"
    if kind is bool:
        return "true" if value else "false"
    if kind is int or isinstance(value, int):
        if not LEAST <= value <= MOST:
            raise TypeError(f"{path}: {_size(value)} does not fit into 64 bits")
        return int.__repr__(value)
    if kind is float or isinstance(value, float):
        text = float.__repr__(value)
        if text in _INFINITE:
            raise TypeError(f"{path}: {text} is not JSON, which has only finite numbers")
        return text
    if isinstance(value, str):
        return _text(str.__str__(value), path)
    if depth == DEPTH_LIMIT:
        raise TypeError(f"{path}: it is nested more than {DEPTH_LIMIT} deep, or contains itself")
    if isinstance(value, (list, tuple)):
        return "[" + ",".join([_encode(item, f"{path}[{at}]", depth + 1) for at, item in enumerate(value)]) + "]"
    if isinstance(value, dict):
        return "{" + ",".join([_pair(key, item, path, depth) for key, item in value.items()]) + "}"
    raise TypeError(
        f"{path}: {_name(kind)} is not JSON; give None, bool, int, float, str, and lists, tuples or dicts of these"
    )


def _pair(key, item, path, depth):
    if not isinstance(key, str):
        raise TypeError(f"{path}: a dict must have str as keys, not {_name(type(key))}")
    name = str.__str__(key)
    place = f"{path}.{name}" if name.isidentifier() else f"{path}[{name[:50]!a}]"
    return _text(name, f"the key {place}") + ":" + _encode(item, place, depth + 1)


def _text(text, path):
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            wrong = text[error.start]
        else:
            wrong = None
        if wrong is not None:
            raise TypeError(f"{path}: the text has a lone surrogate, {wrong!a}, which is not JSON")
    return encode_basestring_ascii(text)


def _size(number):
    return f"an int of {number.bit_length()} bits"


def _name(kind):
    module, name = (type.__dict__[key].__get__(kind) for key in ("__module__", "__name__"))  # not a metaclass's own
    return f"{module}.{name}" if isinstance(module, str) and module not in ("builtins", "__main__") else name
