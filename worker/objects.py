"""Objects of user code, looked at without running user code: no property, no ``__getattr__``, no ``__class__``."""

import sys

_Module, _Function = type(sys), type(lambda: None)
# Descriptors of C types; the first also of __slots__.
_Member, _GetSet = type(_Function.__globals__), type(_Function.__code__)
_MRO, _DICT = vars(type)["__mro__"], vars(type)["__dict__"]
_NAME, _MODULE_DICT = vars(type)["__name__"], vars(_Module)["__dict__"]
_CALLABLE = (_Function, type(len), type(str.join), type(object.__init__), staticmethod, classmethod)
REPR_LIMIT_CHARS = 200
_ITEMS, _DEPTH = 10, 3
_INT_LIMIT_BITS = 600
_EMPTY = object()


class Unknown(Exception):
    """An expression whose value cannot be told without running code."""


class Instance:
    """Stands for an object that does not exist yet, of the class ``kind``."""

    def __init__(self, kind):
        self.kind = kind


_Method = type(Instance(object).__init__)


def classes_of(kind):
    """Return ``kind`` and its bases, in their order."""
    return _MRO.__get__(kind)


def type_name(value):
    """Return the name of the class of ``value``."""
    return str.__str__(_NAME.__get__(type(value)))


def kind_of(value):
    """Return ``class``, ``function``, ``module`` or ``value``."""
    kind = type(value)
    if issubclass(kind, type):
        return "class"
    if issubclass(kind, _Module):
        return "module"
    if issubclass(kind, _CALLABLE) or type_name(value) in ("method", "method-wrapper", "ufunc", "partial"):
        return "function"
    return "value"


def _in_classes(kind, name):
    for each in classes_of(kind):
        found = _DICT.__get__(each).get(name, _EMPTY)
        if found is not _EMPTY:
            return found
    return _EMPTY


def own_attributes(value):
    """Return the attributes that ``value`` itself has, without those of its class."""
    if issubclass(type(value), _Module):
        return _MODULE_DICT.__get__(value)
    descriptor = _in_classes(type(value), "__dict__")
    if type(descriptor) is not _GetSet:
        return {}
    found = descriptor.__get__(value)
    return found if issubclass(type(found), dict) else {}


def attribute(value, name):
    """Return an attribute as it is stored, or ``Unknown`` is raised. Only descriptors of C code are called."""
    if type(value) is Instance:
        found = _in_classes(value.kind, name)
    elif issubclass(type(value), type):
        found = _in_classes(value, name)
        if found is _EMPTY:
            found = _in_classes(type(value), name)
    else:
        found = own_attributes(value).get(name, _EMPTY)
        if found is _EMPTY:
            found = _in_classes(type(value), name)
            if type(found) in (_Member, _GetSet):
                try:
                    return found.__get__(value)
                except Exception:
                    raise Unknown from None
            if type(found) is _Function:
                return _Method(found, value)
    if found is _EMPTY or type(found) is property:
        raise Unknown
    return found.__func__ if type(found) in (staticmethod, classmethod) else found


def names_of(value):
    """Return the names of the attributes of ``value``: by ``dir``, which may run user code; else those stored."""
    if type(value) is not Instance:
        try:
            return [str.__str__(name) for name in dir(value) if issubclass(type(name), str)]
        except KeyboardInterrupt:
            raise
        except BaseException:  # of user code: there is none to tell
            pass
        kinds, names = [type(value)], dict.fromkeys(own_attributes(value))
        if issubclass(type(value), type):
            kinds.append(value)
    else:
        kinds, names = [value.kind], {}
    for kind in kinds:
        for each in classes_of(kind):
            names.update(dict.fromkeys(_DICT.__get__(each)))
    return [str.__str__(name) for name in names if issubclass(type(name), str)]


def short(value, calls=True, depth=_DEPTH):
    """Return a short ``repr``, or None: of classes of user code only if it ``calls`` them. May then raise anything."""
    kind = type(value)
    if kind is str or kind is bytes or kind is bytearray:
        more = len(value) > REPR_LIMIT_CHARS
        return _shortened(repr(value[:REPR_LIMIT_CHARS]) + ("…" if more else ""))
    if kind is int:
        bits = value.bit_length()
        return repr(value) if bits <= _INT_LIMIT_BITS else f"<int of {bits} bits>"
    if kind in (list, tuple, set, frozenset, dict):
        return _shortened(_short_items(value, kind, calls, depth))
    if value is None or kind in (bool, float, complex, range, _Function, type(len)) or issubclass(kind, _Module):
        return _shortened(repr(value) if not issubclass(kind, _Module) else _Module.__repr__(value))
    if issubclass(kind, type):
        return _shortened(type.__repr__(value))
    if not calls:
        return None
    shown = repr(value)
    return _shortened(str.__str__(shown))


def _shortened(text):
    return text if len(text) <= REPR_LIMIT_CHARS else text[: REPR_LIMIT_CHARS - 1] + "…"


def _short_items(value, kind, calls, depth):
    name = {list: "[{}]", tuple: "({})", set: "{{{}}}", frozenset: "frozenset({{{}}})", dict: "{{{}}}"}[kind]
    if not value:
        return repr(value)
    if not depth:
        return name.format("…")
    shown = []
    for number, item in enumerate(value.items() if kind is dict else value):
        if number == _ITEMS:
            shown.append("…")
            break
        parts = item if kind is dict else (item,)
        shown.append(": ".join([_told(part, calls, depth) for part in parts]))
    return name.format(", ".join(shown) + ("," if kind is tuple and len(value) == 1 else ""))


def _told(value, calls, depth):
    shown = short(value, calls, depth - 1)
    return f"<{type_name(value)}>" if shown is None else shown
