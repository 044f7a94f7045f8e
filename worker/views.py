"""How the pickler takes objects apart that show other objects: views, proxies, weak references, names of types."""

import sys
from gc import get_referents

from worker import rebuilding
from worker.reducing import is_importable
from worker.unsaveable import POINTER, Unsaveable, refuse

_ROOTS = frozenset(["bytes", "bytearray", "array", "ndarray"])


def reduce_proxy(pickler, proxy):
    """The read-only view of a mapping stays one of the same mapping."""
    mapping = get_referents(proxy)[0]
    descriptor = mapping.get("__dict__") if type(mapping) is dict else None
    cls = getattr(descriptor, "__objclass__", None)
    if isinstance(cls, type) and get_referents(vars(cls))[0] is mapping:
        return rebuilding.class_variables, (cls,)
    return rebuilding.made_proxy, (mapping,)


def reduce_items(pickler, view):
    """The keys, the values or the items of a dict stay those of the same dict."""
    mapping = get_referents(view)[0]
    return getattr(type(mapping), type(view).__name__.rpartition("_")[2]), (mapping,)


def reduce_memoryview(pickler, view):
    """A view of bytes stays one of the same object."""
    try:
        root = view.obj
    except ValueError:
        raise Unsaveable("it is a memoryview that has been released", view) from None
    if type(root).__name__ not in _ROOTS:
        refuse(view, POINTER)
    whole = memoryview(root)
    if not view.contiguous or not whole.contiguous:
        raise Unsaveable("it is a view of some bytes of an object: make it again", view)
    start = _address(view) - _address(whole)
    is_fixed = view.readonly and not whole.readonly
    return rebuilding.made_memoryview, (root, view.format, view.shape, start, view.nbytes, is_fixed)


def _address(view):
    """Return the address of the first byte of a contiguous memoryview."""
    import ctypes

    buffer = (ctypes.c_char * 80)()  # a Py_buffer, which begins with the address
    ctypes.pythonapi.PyObject_GetBuffer(ctypes.py_object(view), buffer, 0)
    try:
        return int.from_bytes(buffer.raw[:8], sys.byteorder)
    finally:
        ctypes.pythonapi.PyBuffer_Release(buffer)


def reduce_cached(pickler, function):
    """A function with ``functools.lru_cache`` has an empty cache afterwards."""
    module, name = function.__module__, function.__qualname__
    if is_importable(function, module, name):
        pickler.note_module(module)
        return NotImplemented
    parameters = function.cache_parameters()
    arguments = function.__wrapped__, parameters["maxsize"], parameters["typed"]
    return rebuilding.made_cached, arguments, dict(vars(function)), None, None, rebuilding.fill_object


def reduce_cached_property(pickler, thing):
    """Its lock is made anew."""
    variables = {key: value for key, value in vars(thing).items() if key not in ("lock", "func")}
    return rebuilding.made_cached_property, (thing.func, variables)


def reduce_typing(pickler, thing):
    """What stands for types is a name, if it is a module's; otherwise it is made again."""
    kind, name = type(thing).__name__, thing.__name__
    module = getattr(thing, "__module__", None)
    if is_importable(thing, module, name):
        pickler.note_module(module)
        return rebuilding.attribute, (module, name)
    arguments, options = (), {}
    if kind == "NewType":
        arguments = (thing.__supertype__,)
    elif kind == "TypeAliasType":
        arguments, options = (thing.__value__,), {"type_params": thing.__type_params__}
    elif kind == "TypeVar":
        arguments = thing.__constraints__
        if thing.__bound__ is not None:
            options["bound"] = thing.__bound__
        if getattr(thing, "__infer_variance__", False):
            options["infer_variance"] = True
        else:
            options.update(covariant=thing.__covariant__, contravariant=thing.__contravariant__)
    if sys.version_info >= (3, 13) and kind in ("TypeVar", "ParamSpec", "TypeVarTuple") and thing.has_default():
        options["default"] = thing.__default__
    made = kind, name, arguments, options
    return rebuilding.made_of_typing, made, module, None, None, rebuilding.fill_typing


def reduce_super(pickler, thing):
    return rebuilding.made_super, (thing.__thisclass__, thing.__self__)


def reduce_weak(pickler, reference):
    """A weak reference keeps referring to its object, if something else in the archive keeps that."""
    if getattr(reference, "__callback__", None) is not None:
        raise Unsaveable("it is a weak reference that calls a function at the end: make it again", reference)
    thing = reference()
    if thing is None:
        return rebuilding.dead_reference, ()
    return type(reference), (thing,)


def reduce_weak_mapping(pickler, mapping):
    return type(mapping), (), None, None, iter(list(mapping.items()))


def reduce_weak_set(pickler, things):
    return type(things), (list(things),)


def reduce_container(pickler, thing):
    """A list or a dict whose class has own methods for changes gets its variables first, and then plain items."""
    function, arguments, state, items, pairs = (*thing.__reduce_ex__(5), None, None, None)[:5]
    items = None if items is None else [*list.__iter__(thing)]
    pairs = None if pairs is None else dict(dict.items(thing))
    return function, arguments, (state, items, pairs), None, None, rebuilding.fill_container


def has_own_changes(kind):
    """Whether ``kind`` is a class of lists or dicts that pickle would fill by methods of the class."""
    if kind.__reduce_ex__ is not object.__reduce_ex__ or kind.__reduce__ is not object.__reduce__:
        return False
    if issubclass(kind, list):
        return kind.append is not list.append or kind.extend is not list.extend
    return issubclass(kind, dict) and kind.__setitem__ is not dict.__setitem__


def reduce_struct(pickler, thing):
    return type(thing), (thing.format,)


REDUCERS = {
    "_struct.Struct": reduce_struct,
    "builtins.mappingproxy": reduce_proxy,
    "builtins.memoryview": reduce_memoryview,
    "builtins.super": reduce_super,
    "builtins.dict_keys": reduce_items,
    "builtins.dict_values": reduce_items,
    "builtins.dict_items": reduce_items,
    "builtins.odict_keys": reduce_items,
    "builtins.odict_values": reduce_items,
    "builtins.odict_items": reduce_items,
    "collections.odict_keys": reduce_items,
    "functools._lru_cache_wrapper": reduce_cached,
    "functools.cached_property": reduce_cached_property,
    "typing.TypeVar": reduce_typing,
    "typing.ParamSpec": reduce_typing,
    "typing.TypeVarTuple": reduce_typing,
    "typing.NewType": reduce_typing,
    "typing.TypeAliasType": reduce_typing,
    "weakref.ReferenceType": reduce_weak,
    "builtins.weakref": reduce_weak,
    "weakref.WeakMethod": reduce_weak,
    "weakref.WeakSet": reduce_weak_set,
    "_weakrefset.WeakSet": reduce_weak_set,
    "weakref.WeakValueDictionary": reduce_weak_mapping,
    "weakref.WeakKeyDictionary": reduce_weak_mapping,
}
