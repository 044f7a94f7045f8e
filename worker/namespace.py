"""The user's ``__main__``: a real module, into which executions are compiled."""

import builtins
import sys
from time import tzset

from worker.imports import Hooks, import_traceback
from worker.sources import Sources

ModuleType = type(sys)


class Exit(SystemExit):
    """``exit()`` and ``quit()`` end the worker; ``sys.exit()``, as in a notebook, ends only the execution."""


class _Quitter:
    def __init__(self, name):
        self._name = name

    def __repr__(self):
        return f"Use {self._name}() to end this context's Python; the next execution starts a new one"

    def __call__(self, code=None):
        raise Exit(code)


class Cells:
    """Compiles executions into one namespace.

    ``from __future__`` imports hold for all later cells, as at Python's own prompt.
    """

    def __init__(self, hooks):
        """``hooks`` are called with modules, by name, when they are imported."""
        self.module = ModuleType("__main__")
        self.module.__builtins__ = builtins
        # Code that pickles, or looks itself up, uses sys.modules["__main__"].
        sys.modules["__main__"] = self.module
        builtins.exit, builtins.quit = _Quitter("exit"), _Quitter("quit")
        self._flags = 0
        self._sources = Sources()
        own = {
            "linecache": self._sources.hook_linecache,
            "inspect": self._sources.hook_inspect,
            "threading": _hook_threading,
        }
        Hooks({**own, **hooks})

    def begin(self):
        """Start without sources."""
        self._sources.forget()

    def number(self, number):
        """Give the next cell the number of its execution."""
        self._sources.number = number

    def compile(self, source, interactive=False):
        """Return the code object of the next cell. Raises the exceptions of ``compile``.

        An ``interactive`` cell prints the values of its expressions by ``sys.displayhook``, as Python's own prompt
        does.
        """
        # Without the name, exec() would put the worker's own builtins there, and with any other value it fails.
        if not issubclass(type(self.module.__dict__.get("__builtins__")), (dict, ModuleType)):
            self.module.__dict__["__builtins__"] = builtins
        # Each cell shows its warnings, also those that an earlier one has shown.
        self.module.__dict__.pop("__warningregistry__", None)
        sys.__dict__.pop("__warningregistry__", None)  # the warnings for the cell's caller, if it had one
        if "\r" in source:  # the compiler takes any line end, but readers of lines only this one
            source = source.replace("\r\n", "\n").replace("\r", "\n")
        source = source.removeprefix("\ufeff")  # the mark of a file in UTF-8, which is no part of its text
        filename = self._sources.add(source)
        if interactive:
            from _ast import Interactive, PyCF_ONLY_AST  # the same as in ast, without an import

            tree = compile(source, filename, "exec", self._flags | PyCF_ONLY_AST, True)
            code = compile(Interactive(body=tree.body), filename, "single", self._flags, True)
        else:
            code = compile(source, filename, "exec", self._flags, True)
        if "__future__" in source:
            import __future__

            for name in __future__.all_feature_names:
                self._flags |= code.co_flags & getattr(__future__, name).compiler_flag
        return code


def _hook_threading(module):
    """Let errors of threads show source lines of cells, whatever ``traceback`` is in the user's directory."""
    original = module.excepthook

    def excepthook(args, /):
        if args.exc_type is SystemExit or args.thread is None or sys.stderr is None:
            return original(args)
        try:
            traceback = import_traceback()
            shown = traceback.format_exception(args.exc_type, args.exc_value, args.exc_traceback)
            text = f"Exception in thread {args.thread.name}:\n" + "".join(shown)
        # User code has broken something that this needs; C code prints the error, without the lines of cells.
        except Exception:
            return original(args)
        sys.stderr.write(text)
        sys.stderr.flush()
        return None

    excepthook.__doc__ = original.__doc__
    module.excepthook = excepthook
    if sys.version_info >= (3, 10):
        module.__excepthook__ = excepthook


def set_environment(environ, variables):
    """Set ``variables`` until ``restore_environment`` is called."""
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
