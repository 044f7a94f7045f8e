"""The worker's own imports: of its modules and the standard library's; and its changes to what user code imports."""

import builtins
import sys
from _thread import RLock
from marshal import loads
from os import fstat, getpid, pread  # before user code can replace them

ModuleType, SimpleNamespace = type(sys), type(sys.implementation)  # the types module would be one more import

PATHS = sys.path[:]  # before site adds the user's
# The names of its modules; Python 3.9 does not tell them, and these are the modules that the worker itself imports.
_OWN = "array ast asyncio codeop inspect json keyword pkgutil re unicodedata urllib warnings wave"
_LIBRARY = getattr(sys, "stdlib_module_names", frozenset(_OWN.split(" ")))


class Importer:
    """Makes the modules of this folder, and imports for them: it is the ``__import__`` of their builtins.

    They have no path and are not in ``sys.modules``. What is not made at the worker's start is read from the script
    when another module imports it. That works whatever user code has done to ``sys.path``, ``sys.modules``,
    ``sys.meta_path`` and its builtins. The script's descriptor is private; if user code has closed it nevertheless, the
    import fails.

    Attributes:
        package: The package ``worker``, with each module that has been made.
        is_guarded: Whether user code may have put its own modules in the place of the standard library's.
    """

    def __init__(self, imports, code, own_builtins, later, script_fd):
        """Take this module itself, its code and its builtins, the place of the index, and the script's descriptor."""
        self.package = ModuleType("worker")
        self.is_guarded = False
        self._builtins = own_builtins
        self._import = own_builtins["__import__"]
        self._index, self._script_fd = later, script_fd
        self._script = identity(script_fd)
        self._library = dict(sys.modules)  # no user code has run yet
        self._lock, self._pid = RLock(), getpid()
        own_builtins["__import__"] = self.import_for_own
        self.package.imports = imports
        keep_functions(imports, names_in(code))

    def import_for_own(self, name, globals=None, locals=None, fromlist=(), level=0):
        """Do what ``__import__`` does."""
        package, _, module = name.partition(".")
        if package == "worker":
            if module:
                made = self.module(module)
                return made if fromlist else self.package
            for each in fromlist or ():
                self.module(each)
            return self.package
        if name in self._library:  # user code may have put another one in its place
            return self._library[name]
        if self.is_guarded and package in _LIBRARY:
            from worker.standard import import_guarded

            return import_guarded(self._import, self._library, name, globals, locals, fromlist)
        return self._import(name, globals, locals, fromlist, level)

    def module(self, name):
        """Return the module ``name`` of this folder; make it first if need be. Raises ImportError."""
        made = self.package.__dict__.get(name)
        if made is not None:
            return made
        if self._pid != getpid():  # a thread that does not exist in this process may hold the lock
            self._lock, self._pid = RLock(), getpid()
        with self._lock:
            made = self.package.__dict__.get(name)
            return self.make(name, loads(self._read(name))) if made is None else made

    def make(self, name, code):
        """Make the module ``name`` by ``code``. If that raises, it is as if it had never begun."""
        module = ModuleType("worker." + name)
        module.__builtins__ = self._builtins
        setattr(self.package, name, module)
        try:
            exec(code, module.__dict__)
            if name != "template":  # modules that it preloads may patch what it calls: no user code runs there
                keep_functions(module, names_in(code))
        except BaseException:  # an interrupt, no memory
            delattr(self.package, name)
            raise
        return module

    def _read(self, name):
        if identity(self._script_fd) != self._script:
            raise ImportError(f"{name} cannot be loaded: the code has closed the descriptor of the worker's file")
        at, size = self._index
        found = loads(pread(self._script_fd, size, at)).get(name)
        if found is None:
            raise ImportError(f"the worker has no module {name}")
        at, size = found
        return pread(self._script_fd, size, at)


def identity(fd):
    """Return a value that tells a descriptor's file from others; None if it is closed."""
    try:
        status = fstat(fd)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def names_in(code):
    """Return the names that ``code`` and the functions in it use: of globals, of attributes."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, type(code)):
            names |= names_in(constant)
    return names


def keep_functions(module, names):
    """Let ``module`` see the modules it has imported as they are now: user code may patch them, as gevent does.

    It sees only the ``names`` of each: a copy of all that os has would take 18 KB in every worker.
    """
    for name, value in list(vars(module).items()):
        # The state of these counts.
        if value is sys or value is builtins or not isinstance(value, ModuleType):
            continue
        if vars(value).get("__builtins__") is not module.__builtins__:  # that is, if it is not of this folder
            kept = {key: kept for key, kept in vars(value).items() if key in names}
            setattr(module, name, SimpleNamespace(**kept))


# The modules that libraries.py adds to, or has a stand-in for.
_EXTENDED = frozenset(
    [
        "IPython",
        "IPython.core.display_functions",
        "IPython.core.getipython",
        "PIL.Image",
        "PIL.ImageShow",
        "comm",
        "interpreterd_inline",
        "ipywidgets.widgets.interaction",
        "matplotlib",
        "matplotlib.axes._axes",
        "matplotlib.figure",
        "plotly.basedatatypes",
        "plotly.io._renderers",
    ]
)


def extend_search():
    """Put a step behind Python's search on ``sys.path``: a look into ``_EXTENDED``.

    Adds to what has been imported already, in a template, too.
    """
    from _frozen_importlib_external import PathFinder

    search = vars(PathFinder)["find_spec"].__func__

    def find_spec(cls, fullname, path=None, target=None):
        spec = search(cls, fullname, path, target)
        if fullname not in _EXTENDED:
            return spec
        from worker.libraries import extended

        return extended(fullname, spec)

    find_spec.__qualname__, find_spec.__module__ = "PathFinder.find_spec", search.__module__
    find_spec.__doc__ = search.__doc__
    PathFinder.find_spec = classmethod(find_spec)
    for name in _EXTENDED & sys.modules.keys():
        from worker.libraries import extend

        extend(name, sys.modules[name])


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
            for path in PATHS:
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
