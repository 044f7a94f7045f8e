"""The user's ``__main__``: a real module, whose source lines the standard library can find."""

import builtins
import sys
from _imp import source_hash
from time import tzset

from worker.report import CELLS

ModuleType = type(sys)
SOURCES_LIMIT_BYTES = 16 << 20  # the oldest cells' sources go first; a traceback then shows no line for them


class Exit(SystemExit):
    """``exit()`` and ``quit()`` end the worker; ``sys.exit()``, as in a notebook, only the execution."""


class _Quitter:
    def __init__(self, name):
        self._name = name

    def __repr__(self):
        return f"Use {self._name}() to end this context's Python; the next execution starts a new one"

    def __call__(self, code=None):
        raise Exit(code)


class Cells:
    """Compiles executions into one namespace and keeps their sources for ``linecache`` and ``inspect``.

    A cell's file name is made of a hash of its source: what keeps results of functions on disk, as joblib does, finds
    them again. ``from __future__`` imports hold for all later cells, as at Python's own prompt.
    """

    def __init__(self, hooks):
        """``hooks`` are called with modules, by name, when they are imported."""
        self.module = ModuleType("__main__")
        self.module.__builtins__ = builtins
        # Code that pickles, or looks itself up, goes by way of sys.modules["__main__"].
        sys.modules["__main__"] = self.module
        builtins.exit, builtins.quit = _Quitter("exit"), _Quitter("quit")
        self._flags = 0
        self.begin()
        # Importing these at start would double its time; so they learn of the cells when something imports them.
        self._hooks = {
            "linecache": self._hook_linecache,
            "inspect": self._hook_inspect,
            "threading": _hook_threading,
            **hooks,
        }
        for name in list(self._hooks):
            if name in sys.modules:
                self._hooks.pop(name)(sys.modules[name])
        sys.meta_path.insert(0, self)

    def begin(self):
        """Know no sources."""
        self._sources = {}
        self._sources_bytes = 0

    def compile(self, source, interactive=False):
        """Return the code object of the next cell. Raises what ``compile`` raises.

        An ``interactive`` one prints the values of its expressions by ``sys.displayhook``, as Python's own prompt does.
        """
        # Without the name exec() would put the worker's own builtins there, and with any other value it fails.
        if not issubclass(type(self.module.__dict__.get("__builtins__")), (dict, ModuleType)):
            self.module.__dict__["__builtins__"] = builtins
        # Each cell shows its warnings, also those that an earlier one has shown.
        self.module.__dict__.pop("__warningregistry__", None)
        sys.__dict__.pop("__warningregistry__", None)  # of those that the cell's caller should see, had it one
        filename = f"{CELLS}{source_hash(0, source.encode('utf-8', 'surrogatepass'))[:6].hex()}>"
        self._sources_bytes += len(source) - len(self._sources.pop(filename, ""))  # the newest is the last one
        self._sources[filename] = source
        while self._sources_bytes > SOURCES_LIMIT_BYTES and len(self._sources) > 1:
            oldest = next(iter(self._sources))
            self._sources_bytes -= len(self._sources.pop(oldest))
            self._show(oldest, None)
        self._show(filename, source)
        if interactive:
            from _ast import Interactive, PyCF_ONLY_AST  # as ast has them, and nothing to be imported

            tree = compile(source, filename, "exec", self._flags | PyCF_ONLY_AST, True)
            code = compile(Interactive(body=tree.body), filename, "single", self._flags, True)
        else:
            code = compile(source, filename, "exec", self._flags, True)
        if "__future__" in source:
            import __future__

            for name in __future__.all_feature_names:
                self._flags |= code.co_flags & getattr(__future__, name).compiler_flag
        return code

    _linecache = None

    def _show(self, filename, source):
        if self._linecache is None:
            return
        try:
            if source is None:
                self._linecache.cache.pop(filename, None)
                return
            # No mtime: linecache.checkcache() leaves the entry alone.
            lines = [line + "\n" for line in source.split("\n")]
            self._linecache.cache[filename] = (len(source), None, lines, filename)
        except Exception:  # user code has put something else in the cache's place
            pass

    def _hook_linecache(self, module):
        self._linecache = module
        for filename, source in self._sources.items():
            self._show(filename, source)

    def _hook_inspect(self, module):
        """Let ``inspect.getsource`` find classes of ``__main__``, a module that has no file."""
        original = module.getfile

        def getfile(object):
            if isinstance(object, type) and object.__module__ == "__main__":
                filename = self._file_of_class(object)
                if filename is not None:
                    return filename
            return original(object)

        getfile.__doc__ = original.__doc__
        module.getfile = getfile

    def _file_of_class(self, cls):
        for value in vars(cls).values():
            code = getattr(getattr(value, "__func__", value), "__code__", None)
            if code is not None and code.co_filename in self._sources:
                return code.co_filename
        import ast

        name = cls.__qualname__.split(".")[0]
        for filename, source in reversed(list(self._sources.items())):
            if "class " not in source:
                continue
            try:
                tree = ast.parse(source)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                continue
            if any(isinstance(node, ast.ClassDef) and node.name == name for node in ast.walk(tree)):
                return filename
        return None

    def find_spec(self, name, path=None, target=None):
        """A meta path finder that finds nothing itself; see importlib.abc.MetaPathFinder.

        It adds a last step to the loading of the modules that wait for a hook, then leaves ``sys.meta_path``.
        """
        hook = self._hooks.get(name)
        if hook is None:
            return None
        spec = None
        for finder in sys.meta_path:
            if finder is not self and spec is None:
                spec = finder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return spec
        loader = spec.loader

        def exec_module(module):
            del loader.exec_module
            loader.exec_module(module)
            if self._hooks.pop(name, None):
                hook(module)
            if not self._hooks and self in sys.meta_path:
                sys.meta_path.remove(self)

        try:
            loader.exec_module = exec_module
        except AttributeError:  # a loader without room for it: sources stay unknown, imports work
            del self._hooks[name]
        return spec


def _hook_threading(module):
    """Let errors of threads show source lines of cells: before 3.13 C code prints them, and looks for a file."""
    if sys.version_info >= (3, 13):
        return
    original = module.excepthook

    def excepthook(args, /):
        if args.exc_type is SystemExit or args.thread is None or sys.stderr is None:
            return original(args)
        import traceback

        shown = traceback.format_exception(args.exc_type, args.exc_value, args.exc_traceback)
        sys.stderr.write(f"Exception in thread {args.thread.name}:\n" + "".join(shown))
        sys.stderr.flush()
        return None

    excepthook.__doc__ = original.__doc__
    module.excepthook = excepthook
    if sys.version_info >= (3, 10):
        module.__excepthook__ = excepthook


def set_environment(environ, variables):
    """Set ``variables``, for as long as ``restore_environment`` is not called."""
    for name, value in variables.items():
        environ[name] = value
    if "TZ" in variables:
        tzset()


def restore_environment(environ, before):
    """Give each variable of ``before`` the value it had; None means that it was not set."""
    for name, value in before.items():
        if value is None:
            environ.pop(name, None)
        else:
            environ[name] = value
    if "TZ" in before:
        tzset()
