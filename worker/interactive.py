"""``get_ipython()``: what code that runs in Jupyter, too, asks of its shell. Its kernel is in ``kernel``.

The shell is no IPython: it has the methods that code of notebooks uses, and of which exported notebooks consist. Its
class has another name than IPython's: by that name, libraries would show widgets to clients without a browser.
"""

import sys

from worker import namespace
from worker.notebook import NAME
from worker.publisher import publish
from worker.report import describe, forget_own_frames

_EVENTS = ("pre_execute", "pre_run_cell", "post_execute", "post_run_cell", "shell_initialized")


class Outcome:
    """How a cell went, for callbacks and of ``run_cell``; the names are IPython's."""

    def __init__(self, source, number):
        self.info = self
        self.raw_cell, self.execution_count = source, number
        self.store_history = self.silent = False
        self.result = self.error_before_exec = self.error_in_exec = None

    @property
    def success(self):
        """Whether it ended without an exception."""
        return self.error_in_exec is None

    def raise_error(self):
        """Raise the exception that ended it, if one did."""
        if self.error_in_exec is not None:
            raise self.error_in_exec


class Events:
    """Callbacks before and after cells."""

    def __init__(self, cells):
        self._cells = cells
        self.callbacks = {name: [] for name in _EVENTS}

    def register(self, event, function):
        """Call ``function`` from now on; ``pre_run_cell`` and ``post_run_cell`` with what is known about the cell."""
        if function not in self.callbacks[event]:
            self.callbacks[event].append(function)
            self._cells.around = self._run

    def unregister(self, event, function):
        """Call ``function`` no more. Raises ValueError if it is not registered."""
        self.callbacks[event].remove(function)

    def trigger(self, event, *arguments):
        """Call the functions of an event; an exception is reported, and disturbs no other function."""
        for function in list(self.callbacks[event]):
            try:
                function(*arguments)
            except Exception as raised:
                print(f"Error in callback {function!r} (for {event}):", file=sys.stderr)
                _report(raised)

    def _run(self, call):
        """Run a cell, and return its value."""
        cells = self._cells
        outcome = Outcome(cells.request.get("code", ""), cells.count)
        for event, *arguments in (("pre_execute",), ("pre_run_cell", outcome)):
            cells.call(self.trigger, event, *arguments)
        try:
            outcome.result = value = cells.value_of(call)
        except BaseException as raised:
            outcome.error_in_exec = raised
            raise
        finally:
            for event, *arguments in (("post_execute",), ("post_run_cell", outcome)):
                cells.call(self.trigger, event, *arguments)
            outcome = None  # it may have the exception, which has this frame
        return value


class Shell:
    """What ``get_ipython()`` returns.

    Attributes:
        user_ns: The variables of the program.
        events: See ``Events``.
        kernel: See ``kernel.Kernel``.
        config: Empty: libraries look there for Jupyter's kernel.
        colors: A name that libraries compare with those of IPython's colours.
        ast_node_interactivity: Which expressions of a cell are shown.
    """

    colors, ast_node_interactivity = "NoColor", "last_expr"

    def __init__(self, cells):
        from worker.kernel import Kernel
        from worker.printers import DisplayFormatter

        self._cells = cells
        self.user_module, self.user_ns = cells.module, cells.module.__dict__
        self.user_global_ns = self.user_ns
        self.config, self.events = {}, Events(cells)
        self.display_formatter = DisplayFormatter()
        self.kernel = Kernel(self)

    @property
    def execution_count(self):
        """The number of the running cell, among those of this Python."""
        return self._cells.count

    @property
    def log(self):
        """A logger, as libraries use it."""
        import logging

        return logging.getLogger("interpreterd")

    @property
    def parent_header(self):
        """The client's request, as the kernel has it."""
        return self.kernel.get_parent()

    def set_next_input(self, s, replace=False):
        """Propose ``s`` as the next cell, or in the place of the present one."""
        publish("nextInput", {"text/plain": str(s)}, head={"replace": bool(replace)})

    def run_line_magic(self, magic_name, line="", _stack_depth=1):
        """Do what ``%magic_name line`` does, and return its value."""
        return self._value(f"%{magic_name} {line}")

    def run_cell_magic(self, magic_name, line, cell):
        """Do what a cell with ``%%magic_name line`` does."""
        return self._value(f"%%{magic_name} {line}\n{cell}")

    def magic(self, arg_s):
        """Do what ``%arg_s`` does; an old name of ``run_line_magic``."""
        return self._value("%" + arg_s.lstrip("%"))

    def _value(self, source):
        return self._cells.value_of(self._cells.compiled(source, False, True))

    def run_cell(self, raw_cell, store_history=False, silent=False, **options):
        """Run source like a cell; its value, or its exception, is shown and returned."""
        outcome = Outcome(raw_cell, self._cells.count)
        try:
            outcome.result = self._value(raw_cell)
        except Exception as raised:
            outcome.error_in_exec = raised
            _report(raised)
        else:
            if outcome.result is not None and not silent:
                from worker.display import display

                display(outcome.result)
        return outcome

    def system(self, cmd):
        """Do what ``!cmd`` does."""
        self._notebook("system", cmd)

    def getoutput(self, cmd, split=True, depth=0):
        """Return the output of a command, as ``x = !cmd`` does."""
        return self._notebook("output", cmd)

    def _notebook(self, name, command):
        """Call a method of ``magics.Notebook`` in the user's namespace, whose variables the command may have."""
        from worker.magics import notebook

        notebook()
        return eval(f"{NAME}.{name}({command!r})", self.user_ns)

    def ev(self, expr):
        """Return the value of an expression of the user's namespace."""
        return eval(expr, self.user_ns)

    def ex(self, cmd):
        """Run statements in the user's namespace."""
        exec(cmd, self.user_ns)

    def push(self, variables, interactive=True):
        """Add variables to the user's namespace: a dict, or names of the caller's."""
        if not isinstance(variables, dict):
            names = variables.split() if isinstance(variables, str) else variables
            frame = sys._getframe(1)
            variables = {name: eval(name, frame.f_globals, frame.f_locals) for name in names}
        self.user_ns.update(variables)

    def showtraceback(self, exc_tuple=None, filename=None, tb_offset=None, exception_only=False, **options):
        """Print the traceback of the exception that is handled now, or of ``exc_tuple``."""
        raised = (exc_tuple or sys.exc_info())[1]
        if raised is not None:
            _report(raised)

    def showsyntaxerror(self, filename=None, running_compiled_code=False):
        """Do the same as ``showtraceback``."""
        self.showtraceback()

    def enable_gui(self, gui=None):
        """Do nothing: no window is ever opened here."""

    def enable_matplotlib(self, gui=None):
        """Do nothing: figures are shown in any case."""
        return "inline", "module://interpreterd_inline"

    def register_magic_function(self, func, magic_kind="line", magic_name=None):
        """Do nothing: magics of one's own are not supported."""

    register_magics = register_magic_function


def _report(raised):
    forget_own_frames(raised)
    sys.stderr.write(describe(raised)["traceback"])


_shell = None


def get_ipython():
    """Return the shell, which stands for IPython's."""
    global _shell
    if _shell is None:
        _shell = Shell(namespace.current)
    return _shell


def request_id():
    """Return the client's name for the request that runs, or the execution's id."""
    request = namespace.current.request
    return request.get("messageId") or request.get("id", "")
