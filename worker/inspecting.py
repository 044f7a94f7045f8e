"""What the object at a place in code is: signature, docstring, value, source."""

from worker.objects import Instance, Unknown, kind_of, short, type_name
from worker.report import cut
from worker.scanning import Scan, evaluated
from worker.standard import import_standard

_SIGNATURE_LIMIT_CHARS = 4000
_DOCSTRING_LIMIT_CHARS = 32_000
_SOURCE_LIMIT_CHARS = 60_000
_KEYS = ("type", "of", "signature", "docstring", "value", "file", "line", "source")


def inspected(code, cursor, detail, namespace):
    """Return what is known of the name at ``cursor``, or of the function whose arguments are there."""
    text = _expression(code, cursor)
    nothing = {"found": False, "name": "", **dict.fromkeys(_KEYS)}
    if text is None:
        return nothing
    try:
        value = evaluated(text, namespace)
    except Unknown:
        return nothing
    if type(value) is Instance:
        value = value.kind
    found = {
        **nothing,
        "found": True,
        "name": cut(text, _SIGNATURE_LIMIT_CHARS),
        "type": cut(type_name(value), _SIGNATURE_LIMIT_CHARS),
        "of": kind_of(value),
    }
    inspect = import_standard("inspect")
    told = {
        "signature": lambda: cut(str(inspect.signature(value)), _SIGNATURE_LIMIT_CHARS),
        "docstring": lambda: _text(inspect.getdoc(value), _DOCSTRING_LIMIT_CHARS),
        "value": lambda: short(value),
        "file": lambda: _text(inspect.getsourcefile(value), _SIGNATURE_LIMIT_CHARS),
        "line": lambda: _line(inspect, value),
        "source": lambda: _text(inspect.getsource(value), _SOURCE_LIMIT_CHARS) if detail else None,
    }
    for key, tell in told.items():
        if key == "signature" and found["of"] not in ("function", "class"):
            continue
        try:
            found[key] = tell()
        except Exception:  # of user code, or it is not known
            pass
    return found


def _expression(code, cursor):
    """Return the expression that ends with the name at ``cursor``, or the function that is called around it."""
    end = cursor
    while end < len(code) and (code[end].isalnum() or code[end] == "_"):
        end += 1
    scan = Scan(code[:end])
    if scan.string is not None or scan.in_comment:
        return None
    last = scan.tokens[-1] if scan.tokens else None
    if last is not None and last.kind in ("name", "string") and last.stop >= cursor:
        found = scan.primary(len(scan.tokens) - 1)
        if found is not None and not import_standard("keyword").iskeyword(found):
            return found
    if last is not None and last.text == "(":
        return scan.called()
    return scan.called() if last is not None else None


def _text(text, limit_chars):
    return cut(str.__str__(text), limit_chars) if issubclass(type(text), str) else None


def _line(inspect, value):
    code = getattr(inspect.unwrap(value) if callable(value) else value, "__code__", None)
    line = getattr(code, "co_firstlineno", None)
    return line if type(line) is int and line > 0 else None
