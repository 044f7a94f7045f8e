"""``object?`` and ``object??``: what is known about an object, as text."""

import inspect

_TEXT_LIMIT_CHARS = 200


def described(name, frame, with_source):
    """Return the description of what ``name`` is for the code in ``frame``."""
    if name.startswith("%"):
        return _of_magic(name)
    try:
        value = eval(name, frame.f_globals, frame.f_locals)
    except (NameError, AttributeError, LookupError):
        return f"Object `{name}` not found."
    rows = []
    if callable(value):
        try:
            rows.append(("Signature", f"{name}{inspect.signature(value)}"))
        except (TypeError, ValueError):
            pass
    rows.append(("Type", type(value).__name__))
    if not callable(value) and not inspect.ismodule(value):
        rows.append(("String form", repr(value)[:_TEXT_LIMIT_CHARS]))
        if hasattr(type(value), "__len__"):
            rows.append(("Length", str(len(value))))
    try:
        rows.append(("File", inspect.getfile(value if callable(value) or inspect.ismodule(value) else type(value))))
    except (TypeError, OSError):
        pass
    rows.append(_source(value) if with_source else None)
    if rows[-1] is None:
        rows[-1] = ("Docstring", inspect.getdoc(value) or "<no docstring>")
    return "\n".join(f"{title + ':':12} {text}" if "\n" not in text else f"{title}:\n{text}" for title, text in rows)


def _source(value):
    try:
        return "Source", inspect.getsource(value).rstrip()
    except (TypeError, OSError):
        return None


def _of_magic(name):
    from worker.notebook import CELL, LINE

    known = name[2:] in CELL if name.startswith("%%") else name[1:] in LINE
    return f"{name} works as in IPython." if known else f"Object `{name}` not found."
