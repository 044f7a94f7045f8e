"""Modules of the standard library: the worker's own late imports, and its changes to modules that user code imports."""

import sys

_PATHS = sys.path[:]  # before site adds the user's
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
        sys.path[:] = _PATHS
        for name in strangers:
            del modules[name]
        import ast  # noqa: F401  traceback imports it, and linecache the other one, in the middle of their work
        import tokenize  # noqa: F401
        import traceback

        return traceback
    finally:
        sys.path[:] = paths
        modules.update(strangers)


def _is_library(module):
    file = getattr(module, "__file__", None)
    return type(file) is str and any(file.startswith(path + "/") for path in _PATHS)


class Hooks:
    """Calls functions with modules of the standard library, by name, when they are imported, or now if they have been.

    Importing them at start would double the start's time. So a finder waits in the folder of these modules, and nowhere
    else, and adds a last step to their loading.
    """

    def __init__(self, hooks):
        self._hooks = dict(hooks)
        for name in list(self._hooks):
            if name in sys.modules:
                self._hooks.pop(name)(sys.modules[name])
        if self._hooks:
            for path in _PATHS:
                finder = sys.path_importer_cache.get(path)
                if finder is not None and "find_spec" not in vars(finder):
                    self._wait(finder)

    def _wait(self, finder):
        find = finder.find_spec

        def find_spec(name, target=None):
            spec = find(name, target)
            if name in self._hooks and spec is not None and spec.loader is not None:
                self._extend(name, spec.loader)
            return spec

        finder.find_spec = find_spec

    def _extend(self, name, loader):
        def exec_module(module):
            del loader.exec_module
            loader.exec_module(module)
            hook = self._hooks.pop(name, None)
            if hook is not None:
                hook(module)

        try:
            loader.exec_module = exec_module
        except AttributeError:  # a loader without room for it: sources stay unknown, imports work
            del self._hooks[name]
