"""MIME bundles of objects, by the methods with which objects describe themselves to notebooks.

The protocol is IPython's ("Integrating your objects with IPython" in its documentation): ``_repr_html_`` and its like,
``_repr_mimebundle_``, ``_ipython_display_``. These methods are user code: they run as part of the execution, and their
exceptions are reported on ``sys.stderr``.
"""

import sys

from worker import namespace
from worker.publisher import printers
from worker.report import cut, describe, forget_own_frames

TEXT_LIMIT_CHARS = 128 << 10
ITEMS_LIMIT = 1000  # of a builtin container, as in IPython
JSON_TYPE = "application/json"
_CANARY = "_ipython_canary_method_should_not_exist_"
_TEXT, _BINARY = (str,), (bytes, str)  # a str is base64 already
# In IPython's order: the method, and the types that it may return.
METHODS = {
    "text/html": ("_repr_html_", _TEXT),
    "text/markdown": ("_repr_markdown_", _TEXT),
    "image/svg+xml": ("_repr_svg_", _TEXT),
    "image/png": ("_repr_png_", _BINARY),
    "application/pdf": ("_repr_pdf_", _BINARY),
    "image/jpeg": ("_repr_jpeg_", _BINARY),
    "text/latex": ("_repr_latex_", _TEXT),
    "application/json": ("_repr_json_", (dict, list, str)),
    "application/javascript": ("_repr_javascript_", _TEXT),
}
# Of what has none of these methods to show, or not all: the function of a module of the worker, by the class's name.
_OTHERS = {
    "matplotlib.figure.Figure": ("pictures", "add_figure"),
    "pandas.DataFrame": ("frames", "add_pandas"),
    "pandas.core.frame.DataFrame": ("frames", "add_pandas"),
    "polars.dataframe.frame.DataFrame": ("frames", "add_polars"),
}
_SIMPLE = frozenset([int, float, complex, bool, str, bytes, bytearray, list, tuple, dict, set, frozenset, type(None)])


def bundle(obj, include=None, exclude=None):
    """Return the data of ``obj`` by MIME type, and the metadata; each is a dict that the caller owns.

    Text is in ``text/plain``, always, unless ``include`` or ``exclude`` say otherwise. The data is empty if the object
    has shown itself, by ``_ipython_display_``. Binary data is bytes, or a str in base64.
    """
    if type(obj) in _SIMPLE and not printers:
        data = {"text/plain": text_of(obj)} if _is_wanted("text/plain", include, exclude) else {}
        _add_json(obj, data, lambda mime: _is_wanted(mime, include, exclude))
        return data, {}
    claims_all = _claims_all(obj)
    if not claims_all and _has_shown_itself(obj):
        return {}, {}

    def is_wanted(mime):
        return mime not in data and _is_wanted(mime, include, exclude)

    data, metadata = {}, {}
    if printers:
        from worker.printers import add_own

        if add_own(obj, is_wanted, data, metadata):
            return {}, {}
    if not claims_all:
        _add_own_bundle(obj, include, exclude, data, metadata)
    for mime, (name, kinds) in () if claims_all else METHODS.items():
        if is_wanted(mime):
            method = _method_of(obj, name)
            if method is not None:
                take(mime, attempt(method)[0], kinds, data, metadata)
    for add, kind in _others(obj):
        data.update(attempt(add, obj, kind, data, is_wanted)[0] or {})
    _add_json(obj, data, is_wanted)
    if is_wanted("text/plain"):
        data["text/plain"] = text_of(obj)
    return data, metadata


def is_asked_for(mime, usual=False):
    """Whether the execution's request wants the optional format ``mime``; ``usual`` if it does not name its formats."""
    formats = namespace.current.request.get("formats")
    return usual if formats is None else mime in formats


def _add_json(obj, data, is_wanted):
    """Add a list or a dict as JSON, if the execution's request wants that."""
    if isinstance(obj, (list, dict)) and is_asked_for(JSON_TYPE) and is_wanted(JSON_TYPE):
        from worker.values import TooLarge, json_of

        try:
            found = json_of(obj)
        except TooLarge as raised:
            leave_out(JSON_TYPE, raised)
        else:
            data.update({} if found is None else {JSON_TYPE: found})


def text_of(obj):
    """Return ``repr(obj)``, at most about ``TEXT_LIMIT_CHARS`` long, and something else if that fails."""
    kind = type(obj)
    try:
        if kind in (str, bytes, bytearray) and len(obj) > TEXT_LIMIT_CHARS:
            half = TEXT_LIMIT_CHARS // 2
            return f"{obj[:half]!r}\n... [{len(obj) - 2 * half} of {len(obj)} cut] ...\n{obj[-half:]!r}"
        if kind in (list, tuple, dict, set, frozenset) and len(obj) > ITEMS_LIMIT:
            return cut(_beginning(obj, kind), TEXT_LIMIT_CHARS)
        return cut(str.__str__(repr(obj)), TEXT_LIMIT_CHARS)
    except Exception as raised:
        report(raised)
        return object.__repr__(obj)


def _beginning(obj, kind):
    """Return the text of a container without the items beyond the limit."""
    items = iter(obj.items() if kind is dict else obj)
    first = [item for _, item in zip(range(ITEMS_LIMIT), items)]
    inside = ", ".join([f"{key!r}: {value!r}" for key, value in first] if kind is dict else map(repr, first))
    before, after = {list: "[]", tuple: "()", frozenset: ("frozenset({", "})")}.get(kind, "{}")
    return f"{before}{inside}, ...{after}"


def _claims_all(obj):
    """Whether ``obj`` seems to have any method, as a mock has: then none counts."""
    try:
        return getattr(obj, _CANARY, None) is not None
    except Exception:  # of a __getattr__
        return True


def _method_of(obj, name):
    """Return the method ``name`` of ``obj``, or None. Of a class: of its metaclass, or a class method."""
    try:
        method = getattr(obj, name, None)
    except Exception:  # of a property
        return None
    if isinstance(obj, type) and type(method) is not _Method:
        return None
    return method if callable(method) else None


class _Bound:
    def method(self):
        pass


_Method = type(_Bound().method)


def report(raised):
    """Write the traceback of an exception of user code to ``sys.stderr``."""
    if issubclass(type(raised), NotImplementedError):  # a method's way to say that it has nothing to show
        return
    forget_own_frames(raised)
    _say(describe(raised)["traceback"])


def _say(text):
    try:
        sys.stderr.write(text)
    except Exception:  # of any object that user code has put there
        pass


def attempt(call, *arguments, **options):
    """Return what ``call`` returns, and whether it did; an exception is reported."""
    try:
        return call(*arguments, **options), True
    except Exception as raised:
        report(raised)
        return None, False


def _has_shown_itself(obj):
    method = _method_of(obj, "_ipython_display_")
    return method is not None and attempt(method)[1]


def _add_own_bundle(obj, include, exclude, data, metadata):
    """Add what ``_repr_mimebundle_`` has: a dict, or a tuple of data and metadata."""
    method = _method_of(obj, "_repr_mimebundle_")
    if method is None:
        return
    found, _ = attempt(method, include=include, exclude=exclude)
    more = None
    if isinstance(found, tuple) and len(found) == 2:
        found, more = found
    if found is None:
        return
    if not isinstance(found, dict) or not isinstance(more, (dict, type(None))):
        _refuse("_repr_mimebundle_", found, (dict,))
        return
    data.update((mime, value) for mime, value in found.items() if _is_wanted(mime, include, exclude))
    metadata.update(more or {})
    if not isinstance(data.get("text/plain", ""), (str, bytes, bytearray)):
        _refuse("text/plain", data.pop("text/plain"), _TEXT)


def take(mime, found, kinds, data, metadata):
    """Add what a method for ``mime`` has returned: data, or a tuple of data and metadata."""
    if isinstance(found, tuple) and len(found) == 2:
        found, more = found
        if more is not None and found is not None:
            metadata[mime] = more
    if found is None:
        return
    if not isinstance(found, kinds):
        _refuse(mime, found, kinds)
        return
    if mime == "application/json" and isinstance(found, str):  # not of the protocol, but IPython takes it too
        found = _from_json(found)
    data[mime] = found


def _from_json(text):
    from worker.channel import decode

    try:
        return decode(text.encode())
    except (ValueError, RecursionError):
        return text


def leave_out(what, raised):
    """Report that data of ``what``, a MIME type, cannot be sent, because of ``raised``."""
    forget_own_frames(raised)
    error = describe(raised)
    _say(f"{what} is left out: {error['name']}: {error['value']}\n")


def _refuse(what, found, kinds):
    expected = " or ".join(kind.__name__ for kind in kinds)
    _say(f"{what} is left out: the method returned {type(found).__name__}, not {expected}\n")


def _others(obj):
    """Yield the functions that add to what ``obj`` has, each with the class that it is for."""
    for kind in type(obj).__mro__:
        module, name = vars(kind).get("__module__"), kind.__name__
        found = _OTHERS.get(f"{module}.{name}") if type(module) is str else None
        if found is not None:
            module, name = found
            yield getattr(__import__(f"worker.{module}", fromlist=(name,)), name), kind


def _is_wanted(mime, include, exclude):
    return (not include or mime in include) and (not exclude or mime not in exclude)
