"""The standard library's modules, for the worker, after user code has run: it may have its own of the same names."""

import sys

from worker.imports import PATHS

# The modules that show errors, and those that they import.
_SHOWING = frozenset(
    [
        "traceback",
        "linecache",
        "tokenize",
        "token",
        "ast",
        "re",
        "textwrap",
        "codeop",
        "keyword",
        "contextlib",
        "collections",
        "functools",
        "operator",
        "enum",
        "copyreg",
        "reprlib",
        "types",
        "warnings",
        "_colorize",
    ]
)


def import_traceback():
    """Return the standard library's ``traceback``: the user's directory may hold another one, or a ``token.py``.

    Late: it costs as much as the rest of the worker's start.
    """
    modules = sys.modules
    strangers = {name: modules[name] for name in _SHOWING & modules.keys() if not _is_library(modules[name])}
    if not strangers and "traceback" in modules and "ast" in modules and "tokenize" in modules:
        return modules["traceback"]
    paths = sys.path[:]
    try:
        sys.path[:] = PATHS
        for name in strangers:
            del modules[name]
        import ast  # noqa: F401  traceback imports it, and linecache the other one, in the middle of their work
        import tokenize  # noqa: F401
        import traceback

        return traceback
    finally:
        sys.path[:] = paths
        modules.update(strangers)


def import_standard(name):
    """Return the standard library's module ``name``, whose own imports are mostly those of ``traceback``."""
    import_traceback()
    return __import__(name)


def _is_hidden(name):
    """Whether ``import name`` of user code finds another module than the standard library's."""
    from _frozen_importlib_external import PathFinder

    spec = PathFinder.find_spec(name)
    origin = spec.origin if spec is not None else None
    return type(origin) is str and not any(origin.startswith(path + "/") for path in PATHS)


def _is_library(module):
    if module is None:
        return False
    file = getattr(module, "__file__", "")
    if file == "" and type(module) is type(sys):  # of C, within the interpreter
        return True
    return type(file) is str and any(file.startswith(path + "/") for path in PATHS)


def import_guarded(plain_import, hidden, name, *others):
    """Return what ``plain_import(name, *others)`` returns for a module of the standard library.

    A module that user code would not find by this name, since it has its own, is added to ``hidden``, by name, and is
    not left in ``sys.modules``.
    """
    package, modules = name.partition(".")[0], sys.modules
    if _is_library(modules.get(package)):
        return plain_import(name, *others)
    strangers = {each: modules.pop(each) for each in list(modules) if each.partition(".")[0] == package}
    paths = sys.path[:]
    try:
        sys.path[:] = PATHS
        return plain_import(name, *others)
    finally:
        sys.path[:] = paths
        if strangers or _is_hidden(package):
            own = {each: modules.pop(each) for each in list(modules) if each.partition(".")[0] == package}
            hidden.update((each, module) for each, module in own.items() if "." not in each)
            modules.update(strangers)
