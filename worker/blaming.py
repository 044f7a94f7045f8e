"""Where in a variable the object is that cannot be saved: ``x['rows'][3].file``."""

from gc import get_referents
from types import CellType, FunctionType, GetSetDescriptorType, ModuleType

from worker.report import cut

_OBJECTS_LIMIT = 100_000
_PATH_LIMIT_CHARS = 150
_KEY_LIMIT_CHARS = 40
_LEAVES = (str, bytes, int, float, bool, type(None), ModuleType)


def path_to(culprit, name, value, namespace):
    """Return how to get from the variable ``name`` to ``culprit``; None if it is not found, or is the variable itself.

    Only the first objects are searched, nearest first. No user code is called.
    """
    if value is culprit:
        return None
    unseen, seen = [(value, name)], {id(value), id(namespace)}
    for thing, path in unseen:
        for part, step in _parts(thing):
            if part is culprit:
                return cut(path + step, _PATH_LIMIT_CHARS)
            if id(part) not in seen and not isinstance(part, _LEAVES) and len(path) < _PATH_LIMIT_CHARS:
                seen.add(id(part))
                unseen.append((part, path + step))
        if len(unseen) > _OBJECTS_LIMIT:
            return None
    return None


def _parts(thing):
    """Yield what ``thing`` refers to, and how that is written."""
    kind = type(thing)
    if kind is dict or issubclass(kind, dict):
        for key, value in list(dict.items(thing)):
            shown = cut(repr(key), _KEY_LIMIT_CHARS) if type(key) in (str, int, float, bool, bytes) else "..."
            yield value, f"[{shown}]"
            yield key, " (a key)"
    elif kind in (list, tuple):
        for position, value in enumerate(list(thing)):
            yield value, f"[{position}]"
    elif kind is CellType:
        for value in get_referents(thing):
            yield value, ""
    elif kind is FunctionType:
        for key, cell in zip(thing.__code__.co_freevars, thing.__closure__ or ()):
            yield cell, f" (its {key})"
        for value in thing.__defaults__ or ():
            yield value, " (a default)"
        for key, value in {**(thing.__kwdefaults__ or {}), **thing.__dict__}.items():
            yield value, f" (its {key})"
    elif issubclass(kind, type):
        for key, value in list(vars(type)["__dict__"].__get__(thing).items()):
            yield value, f".{key}"
        return
    variables = _variables(thing)
    if variables is not None:
        for key, value in list(variables.items()):
            yield value, f".{key}" if type(key) is str else ""
    for value in get_referents(thing):
        if value is not variables and value is not kind:
            yield value, ""
    if kind.__module__ == "__main__":
        yield kind, ".__class__"


def _variables(thing):
    """Return the dict of an object's variables; None if it has none."""
    kind = type(thing)
    own = next((vars(base)["__dict__"] for base in kind.__mro__ if "__dict__" in vars(base)), None)
    if type(own) is not GetSetDescriptorType or issubclass(kind, type):  # a property of user code, perhaps
        return None
    try:
        found = own.__get__(thing)
    except (AttributeError, TypeError):
        return None
    return found if type(found) is dict else None
