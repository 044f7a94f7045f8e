"""The user's ``__main__``: a real module, into which executions are compiled."""

import builtins
import sys
from time import tzset

from worker import compiling
from worker.imports import Hooks, extend_search
from worker.sources import Sources

ModuleType = type(sys)
INPUTS_LIMIT, INPUTS_LIMIT_CHARS = 1000, 1 << 20
CO_COROUTINE = 0x80  # of inspect, which is not imported
current = None  # this worker's Cells, for modules that are made later


class Exit(SystemExit):
    """``exit()`` and ``quit()`` end the worker; ``sys.exit()``, as in a notebook, ends only the execution."""


def is_silent(raised):
    """Whether ``raised`` ends an execution without an error: ``exit()``, ``sys.exit()`` with None or 0.

    Runs no user code: an exception's own ``__class__`` or ``code`` may do anything.
    """
    kind = type(raised)
    if not issubclass(kind, SystemExit):
        return False
    code = SystemExit.code.__get__(raised)
    return issubclass(kind, Exit) or code is None or (issubclass(type(code), int) and int.__eq__(code, 0))


class _Quitter:
    def __init__(self, name):
        self._name = name

    def __repr__(self):
        return f"Use {self._name}() to end this context's Python; the next execution starts a new one"

    def __call__(self, code=None):
        raise Exit(code)


class _Late:
    """A builtin of user code that ``display.py`` has, which is made when it is first called or looked at."""

    def __init__(self, name):
        self.__name__ = self.__qualname__ = name

    @property
    def __wrapped__(self):
        from worker import display

        return getattr(display, self.__name__)

    __doc__ = property(lambda self: self.__wrapped__.__doc__)

    def __repr__(self):
        return repr(self.__wrapped__)

    def __call__(self, /, *arguments, **options):
        return self.__wrapped__(*arguments, **options)


def _get_ipython():
    """Return what stands for IPython's shell, for code that runs in Jupyter, too."""
    from worker.interactive import get_ipython

    return get_ipython()


_get_ipython.__name__ = _get_ipython.__qualname__ = "get_ipython"


class Cells:
    """Compiles executions into one namespace.

    ``from __future__`` imports hold for all later cells, as at Python's own prompt.

    Attributes:
        request: The message that asked for the latest execution.
        count: How many executions that count this worker has run.
        inputs: The sources of the latest of them, by their numbers.
        results: What shows values; None until a cell has one.
        flags: Those of ``compile``, by ``from __future__``.
        sources: The sources of cells, for tracebacks.
        at_end: Functions of the worker, or None, that show what a cell has left; called with its request at its end.
        around: A function that runs the call of each cell, and returns its value; None for none.
    """

    def __init__(self, stack, hooks):
        """``hooks`` are called with modules, by name, when they are imported."""
        self._stack = stack
        self.module = ModuleType("__main__")
        self.module.__builtins__ = builtins
        # Code that pickles, or looks itself up, uses sys.modules["__main__"].
        sys.modules["__main__"] = self.module
        builtins.exit, builtins.quit = _Quitter("exit"), _Quitter("quit")
        for name in ("display", "update_display", "clear_output"):
            setattr(builtins, name, _Late(name))
        builtins.get_ipython = _get_ipython
        extend_search()
        global current
        current, self.request, self.at_end = self, {}, []
        self.count, self.inputs, self._input_chars = 0, {}, 0
        self.results = self.around = None
        self._loop = None  # until a cell waits by ``await``
        self.flags = 0
        self.sources = Sources()
        own = {
            "linecache": self.sources.hook_linecache,
            "inspect": self.sources.hook_inspect,
            "threading": _hook_threading,
        }
        Hooks({**own, **hooks})

    def begin(self):
        """Start without sources."""
        self.sources.forget()

    def take(self, request):
        """Take the message that asks for the next cell."""
        self.request = request
        self.sources.number = number = request.get("number")
        if number is not None:
            self.count += 1
            self.inputs[self.count] = source = request["code"]
            self._input_chars += len(source)
            if self._input_chars > INPUTS_LIMIT_CHARS or len(self.inputs) > INPUTS_LIMIT:
                self._forget_inputs()

    def _forget_inputs(self):
        """Drop the oldest sources beyond the limits, but not the latest one."""
        while (self._input_chars > INPUTS_LIMIT_CHARS or len(self.inputs) > INPUTS_LIMIT) and len(self.inputs) > 1:
            self._input_chars -= len(self.inputs.pop(next(iter(self.inputs))))

    def compile(self, source, interactive=False, valued=False):
        """Return the call that runs the next cell: a function and its arguments. Raises the exceptions of ``compile``.

        See ``compiled``.
        """
        call = self.compiled(source, interactive, valued)
        if "expressions" in self.request:
            from worker.expressions import value_and_expressions

            return value_and_expressions, self, call
        return call if self.around is None else (self.around, call)

    def compiled(self, source, interactive=False, valued=False):
        """Return the call that runs ``source``.

        An ``interactive`` cell prints the values of its expressions, a ``valued`` one has a value; see ``compiling``.
        The call returns it, or, if the function is ``list``, a list in which it is the last one.
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
        filename = self.sources.add(source)
        if self.results is not None and "del _" in source:
            self.results.offer()
        kind = compiling.printing if interactive else compiling.valued if valued else compiling.plain
        around = mistake = None
        try:
            codes = kind(source, filename, self.flags)
        except SyntaxError as error:
            mistake = error
        if mistake is not None:  # not where it is caught: it would be the context of other errors
            from worker.syntax import compiled

            codes, around = compiled(kind, source, filename, self.flags, mistake)
            mistake = None
        if "__future__" in source:
            self.flags |= compiling.future_flags(source, codes[0])
        call = self._call(codes)
        return call if around is None else (self._surrounded, around, call)

    def _call(self, codes):
        namespace = self.module.__dict__
        if (codes[0].co_flags | codes[-1].co_flags) & CO_COROUTINE:
            if self._loop is None:
                from worker.loop import Loop

                self._loop = Loop(self._stack)
            return self._loop.evaluate, codes, namespace
        if len(codes) == 1:
            return self.in_context(eval, codes[0], namespace)
        # By C code alone: a tracer that the first one has set must see no frame of the worker.
        return self.in_context(list, map(eval, codes, [namespace] * len(codes)))

    def _surrounded(self, around, call):
        with around as is_captured:
            value = self.value_of(call)
            return None if is_captured else value

    def value_of(self, call):
        """Return the value of the cell that ``call`` runs."""
        value = self._stack.call(*call)
        return value[-1] if type(value) is list and list in call[:2] else value

    def in_context(self, function, *arguments):
        """Return the call of ``function`` in which the context variables of the cells are there."""
        return (function, *arguments) if self._loop is None else self._loop.in_context(function, *arguments)

    def call(self, function, *arguments):
        """Call ``function`` as a cell is called: without a caller, and with the cells' context variables."""
        return self._stack.call(*self.in_context(function, *arguments))

    def end(self, value, is_forked):
        """Publish the value of a cell, unless it is None, and what it has left. Raises what user code raises meanwhile.

        A process that user code has forked publishes nothing.
        """
        if value is not None:
            self.show_results()
        if self.results is not None:
            self.results.tidy()
        if is_forked:
            return
        try:
            if value is not None:
                self.results.show(value, self.call, self.count if "number" in self.request else None)
        finally:
            for show in filter(None, self.at_end):
                self.call(show, self.request)

    def show_results(self):
        """Return what shows values; make it first if need be."""
        if self.results is None:
            from worker.results import Results

            self.results = Results(self.module.__dict__)
            self.at_end.append(None)  # so that ``end`` is called after each cell
        return self.results

    def event_loop(self):
        """Return the event loop of the cells, if one of them has waited."""
        return None if self._loop is None else self._loop.current()

    def be_copied(self):
        """Go on in a process that has been forked off between two cells."""
        if self._loop is not None:
            self._loop.be_copied()

    def is_deaf(self):
        """Whether the cell has to be interrupted once more, since the first interrupt had no effect."""
        return self._loop is not None and self._loop.is_deaf()


def _hook_threading(module):
    """Let errors of threads show source lines of cells, whatever ``traceback`` is in the user's directory."""
    original = module.excepthook

    def excepthook(args, /):
        if args.exc_type is SystemExit or args.thread is None or sys.stderr is None:
            return original(args)
        try:
            from worker.standard import import_traceback

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
