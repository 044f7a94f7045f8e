"""How the pickler takes the program apart: functions, classes, modules.

Each reducer takes the pickler and an object, and returns what ``__reduce__`` would, or NotImplemented for the form that
Python's own pickles have.
"""

import builtins
import sys
import types
from gc import get_referrers
from marshal import dumps

from worker import rebuilding
from worker.unsaveable import Unsaveable

_FUNCTION_ATTRIBUTES = ("__qualname__", "__module__", "__doc__", "__defaults__", "__kwdefaults__", "__annotations__")
_MADE_WITH_CLASS = frozenset(["__module__", "__qualname__", "__slots__", "__orig_bases__", "_fields_", "_pack_"])
_OWN_OF_CLASS = frozenset(["__dict__", "__weakref__", "__annotations_cache__", "_abc_impl"])
_OF_ENUM = frozenset(
    [
        "_generate_next_value_",
        "_member_names_",
        "_member_map_",
        "_member_type_",
        "_value2member_map_",
        "_unhashable_values_",
        "_hashable_values_",
        "_unhashable_values_map_",
        "_value_repr_",
    ]
)
HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE: what ``class`` makes, and some of C code
_OF_C = (types.MethodDescriptorType, types.WrapperDescriptorType)
_RAW = (int, float, complex, str, bytes, tuple)


def is_dynamic(module):
    """Whether no import can find ``module``: the program has made it."""
    variables = vars(module)
    return variables.get("__spec__") is None and variables.get("__file__") is None and module is not builtins


def is_importable(thing, module, name):
    """Whether importing ``module`` finds ``thing`` by ``name``."""
    found = sys.modules.get(module) if type(module) is str else None
    if module == "__main__" or not isinstance(found, types.ModuleType) or is_dynamic(found):
        return False
    try:
        return rebuilding.attribute_of(found, name) is thing
    except AttributeError:
        return False


def _own_reference(thing, module, name):
    """Return the form of what is the worker's own, or None."""
    if type(module) is str and module.startswith("worker."):
        try:
            if rebuilding.own(module, name) is thing:
                return rebuilding.own, (module, name)
        except (AttributeError, ImportError):
            pass
    return None


def reduce_function(pickler, function):
    """A function of a module is a name; others are code, with the globals that they have now."""
    module, name = function.__module__, function.__qualname__
    if is_importable(function, module, name):
        pickler.note_module(module)
        return NotImplemented
    found = _own_reference(function, module, name)
    if found is not None:
        return found
    state = {}
    for attribute in _FUNCTION_ATTRIBUTES:
        if attribute == "__annotations__" and sys.version_info >= (3, 14):
            attribute = "__annotate__"
        value = getattr(function, attribute, None)
        if value is not None and value != {}:
            state[attribute] = value
    if sys.version_info >= (3, 12) and function.__type_params__:
        state["__type_params__"] = function.__type_params__
    scope, added = _scope(pickler, function)
    arguments = function.__code__, scope, function.__name__, function.__closure__
    state = dict(function.__dict__), state, added
    return rebuilding.made_function, arguments, state, None, None, rebuilding.fill_function


def _scope(pickler, function):
    """Return where a function has its globals, a module or a dict, and the items that are added to that."""
    variables = function.__globals__
    name = variables.get("__name__")
    module = sys.modules.get(name) if type(name) is str else None
    if isinstance(module, types.ModuleType) and vars(module) is variables:
        return module, {}
    for referrer in get_referrers(variables):
        if isinstance(referrer, types.ModuleType) and vars(referrer) is variables:
            return referrer, {}
        if type(referrer) is dict or type(referrer) is list:  # of the user's, who can see it
            return variables, {}
    # Only functions have it, made by exec(): they get what they use of it, and share that.
    scope = pickler.scopes.setdefault(id(variables), ({}, variables))[0]
    names = {"__name__", *_names_in(function.__code__)} & variables.keys()
    return scope, {name: variables[name] for name in sorted(names)}


def _names_in(code):
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= _names_in(constant)
    return found


def reduce_builtin(pickler, function):
    """A function of C code is a name, or an attribute of its object."""
    module = function.__module__
    if type(module) is str:
        pickler.note_module(module)
    return NotImplemented


def reduce_code(pickler, code):
    try:
        return rebuilding.loaded_code, (dumps(code),)
    except ValueError:
        raise Unsaveable("its code has constants that are no source's", code) from None


def reduce_cell(pickler, cell):
    try:
        contents = cell.cell_contents
    except ValueError:
        return rebuilding.empty_cell, ()
    return rebuilding.empty_cell, (), (contents,), None, None, rebuilding.fill_cell


def reduce_module(pickler, module):
    """A module that can be imported is a name; others are their variables."""
    name = module.__name__
    if not is_dynamic(module) and sys.modules.get(name) is module:
        pickler.note_module(name)
        return rebuilding.imported, (name,)
    for key, found in list(sys.modules.items()):  # `os.path` is `posixpath`
        if found is module and not is_dynamic(module):
            pickler.note_module(key)
            return rebuilding.imported, (key,)
    state = {key: value for key, value in vars(module).items() if key not in ("__builtins__", "__spec__", "__loader__")}
    arguments = name, sys.modules.get(name) is module
    return rebuilding.made_module, arguments, state, None, None, rebuilding.fill_module


def reduce_class(pickler, cls):
    """A class of a module is a name; others are rebuilt, with all that they have."""
    module, name = rebuilding.module_of(cls), vars(type)["__qualname__"].__get__(cls)
    if is_importable(cls, module, name):
        pickler.note_module(module)
        return NotImplemented
    found = _named_otherwise(cls) or _own_reference(cls, module, name)
    if found is not None:
        return found
    kind = type(cls)
    namespace = {key: value for key, value in vars(cls).items() if key in _MADE_WITH_CLASS}
    namespace["__qualname__"] = name
    enum = sys.modules.get("enum")
    if enum is not None and issubclass(kind, enum.EnumMeta):
        return _enumeration(cls, kind, namespace)
    told = None if type(cls.__bases__[0]) is kind else kind  # metaclasses of C code have no names
    arguments = told, vars(type)["__name__"].__get__(cls), cls.__bases__, namespace
    return rebuilding.made_class, arguments, _attributes(cls, kind), None, None, rebuilding.fill_class


def _named_otherwise(cls):
    """Return the form of a class of C code that its own name does not find; None for a class of Python code."""
    if cls is type(None) or cls is type(...) or cls is type(NotImplemented):
        return type, ({type(None): None, type(...): ...}.get(cls, NotImplemented),)
    if cls.__flags__ & HEAP_TYPE and not _has_c_code(cls):
        return None
    import types as library  # all of it

    found = module_that_has(cls, {"types": library, **sys.modules})
    if found is not None:
        return rebuilding.attribute, found
    raise Unsaveable("it is a class of C code that no module has", cls)


def _has_c_code(cls):
    return any(type(value) in _OF_C and value.__objclass__ is cls for value in list(vars(cls).values()))


def module_that_has(thing, modules):
    """Return the name of one of ``modules``, and of the attribute that is ``thing`` there; or None."""
    return next((place for place, value in _attributes_of(modules) if value is thing), None)


def marks_of(modules):
    """Return each ``object()`` that is an attribute of one of ``modules``, by its id: where it is, and it itself."""
    found = {}
    for place, value in _attributes_of(modules):
        if type(value) is object:
            found.setdefault(id(value), (place, value))
    return found


def _attributes_of(modules):
    """Yield the module's and the attribute's name, and the value, of all that can be imported."""
    for name, module in list(modules.items()):
        if name != "__main__" and isinstance(module, types.ModuleType) and not is_dynamic(module):
            for key, value in list(vars(module).items()):
                yield (name, key), value


def _attributes(cls, kind):
    """Return what a class has itself, without what is made with it."""
    found = {}
    for key, value in vars(cls).items():
        if key in _OWN_OF_CLASS or key in _MADE_WITH_CLASS:
            continue
        if type(value) is types.MemberDescriptorType and value.__objclass__ is cls:  # of __slots__
            continue
        if type(value) is types.GetSetDescriptorType and value.__objclass__ is cls:
            continue
        if type(value).__name__ == "CField":  # of ctypes, made of _fields_
            continue
        found["__annotate__" if key == "__annotate_func__" else key] = value
    abc = sys.modules.get("abc")
    if abc is not None and issubclass(kind, abc.ABCMeta):
        from _abc import _get_dump

        found["_abc_impl"] = [each() for each in _get_dump(cls)[0] if each() is not None]
    return found


def _enumeration(cls, kind, namespace):
    base = getattr(cls, "_member_type_", object)
    members, variables = [], {}
    for name, member in cls._member_map_.items():
        raw = base.__new__(base, member) if base in _RAW else None
        if base is str:
            raw = str.__str__(member)
        members.append((name, raw, member._value_))
        own = {key: value for key, value in vars(member).items() if key not in _MADE_WITH_MEMBER}
        if own:
            variables[name] = own
    skipped = _OF_ENUM | set(cls._member_map_)
    attributes = {key: value for key, value in _attributes(cls, kind).items() if key not in skipped}
    if "_generate_next_value_" in vars(cls):
        attributes["_generate_next_value_"] = vars(cls)["_generate_next_value_"]
    arguments = kind, vars(type)["__name__"].__get__(cls), cls.__bases__, namespace, members
    return rebuilding.made_enum, arguments, (attributes, variables), None, None, rebuilding.fill_enum


_MADE_WITH_MEMBER = frozenset(["_value_", "_name_", "__objclass__", "_sort_order_"])


def reduce_method(pickler, method):
    return rebuilding.made_method, (method.__func__, method.__self__)


def reduce_property(pickler, thing):
    return type(thing), (thing.fget, thing.fset, thing.fdel, thing.__doc__)


def reduce_wrapper(pickler, thing):
    """A class method or a static method."""
    return type(thing), (thing.__func__,)


def reduce_descriptor(pickler, thing):
    """What C code or ``__slots__`` has put into a class."""
    return rebuilding.class_member, (thing.__objclass__, thing.__name__)


REDUCERS = {
    types.FunctionType: reduce_function,
    types.BuiltinFunctionType: reduce_builtin,
    types.CodeType: reduce_code,
    types.CellType: reduce_cell,
    types.ModuleType: reduce_module,
    types.MethodType: reduce_method,
    types.MemberDescriptorType: reduce_descriptor,
    types.GetSetDescriptorType: reduce_descriptor,
    property: reduce_property,
    classmethod: reduce_wrapper,
    staticmethod: reduce_wrapper,
}
