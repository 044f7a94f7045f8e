"""The variables of the namespace. User code's own ``__repr__`` are called; after an interrupt, no more of them."""

import sys
from time import monotonic

from worker.looking import TEXT_LIMIT_CHARS
from worker.objects import classes_of, kind_of, short, type_name
from worker.report import cut

_LIMIT = 1000
_NAME_LIMIT_CHARS = 200
_CALLS_S = 1.0  # for all calls of user code; later variables have no repr
_SIZED = (str, bytes, bytearray, list, tuple, set, frozenset, dict, range)
_MEASURED = (*_SIZED, int, float, complex, bool)
# Their arrays and frames are asked for their shape: properties of these are no user code.
_LIBRARIES = frozenset(
    ["numpy", "pandas", "polars", "torch", "tensorflow", "jax", "jaxlib", "cupy", "scipy", "xarray", "pyarrow", "dask"]
)


def variables(namespace):
    """Return the names of the user: not of Python itself, and not ``_``, the latest value."""
    found, chars, calls, end = [], 0, True, monotonic() + _CALLS_S
    names = [name for name in list(namespace) if type(name) is str and not _is_pythons(name)]
    for name in names[:_LIMIT]:
        if name not in namespace:  # a __repr__ has deleted it
            continue
        value = namespace[name]
        variable = {
            "name": cut(name, _NAME_LIMIT_CHARS),
            "type": cut(type_name(value), _NAME_LIMIT_CHARS),
            "kind": kind_of(value),
            "repr": None,
            "size": sys.getsizeof(value) if type(value) in _MEASURED else None,
            "length": len(value) if type(value) in _SIZED else None,
            "shape": None,
            "dtype": None,
        }
        try:
            variable["repr"] = short(value, calls)
            if calls and _is_array(value):
                variable.update(_measures(value))
        except KeyboardInterrupt:
            calls = False
        except BaseException:  # of user code: there is none to tell
            pass
        calls = calls and monotonic() < end
        chars += sum(len(text) for text in variable.values() if type(text) is str)
        if chars > TEXT_LIMIT_CHARS:
            break
        found.append(variable)
    return {"variables": found, "omitted": len(names) - len(found)}


def _is_pythons(name):
    return name == "_" or (name.startswith("__") and name.endswith("__"))


def _is_array(value):
    """Whether a library of arrays and frames has made the class of ``value``, or a base of it."""
    for kind in classes_of(type(value)):
        module = _module_of(kind)
        if type(module) is str and module.partition(".")[0] in _LIBRARIES and kind_of(value) == "value":
            return True
    return False


def _module_of(kind):
    """Return the name of the module of a class. A class made in C, such as numpy's arrays, has it nowhere else."""
    try:
        return vars(type)["__module__"].__get__(kind)
    except AttributeError:  # user code has deleted it
        return None


def _measures(value):
    """Return shape, dtype, length and size of an array or a frame, as far as it has them."""
    found = {}
    shape = getattr(value, "shape", None)
    if shape is not None and all(isinstance(it, int) for it in tuple(shape)):
        found["shape"] = [int(it) for it in tuple(shape)]
        if found["shape"]:
            found["length"] = found["shape"][0]
    dtype = getattr(value, "dtype", None)
    if dtype is None:
        dtypes = getattr(value, "dtypes", None)
        if dtypes is not None:
            dtype = ", ".join(dict.fromkeys(str(it) for it in list(dtypes)[:100]))
    if dtype is not None:
        found["dtype"] = cut(str.__str__(str(dtype)), _NAME_LIMIT_CHARS)
    found["size"] = _size(value)
    return found


def _size(value):
    nbytes = getattr(value, "nbytes", None)
    if nbytes is None and hasattr(value, "memory_usage"):
        nbytes = value.memory_usage(deep=False)
        nbytes = nbytes.sum() if hasattr(nbytes, "sum") else nbytes
    elif nbytes is None and hasattr(value, "estimated_size"):
        nbytes = value.estimated_size()
    return None if nbytes is None else int(nbytes)
